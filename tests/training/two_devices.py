# ruff: noqa: E402
"""Train toy runs on two logical devices and on one, and print how far their weights are apart; a script of its own, as devices
must be set before TensorFlow starts."""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

from gcn_tf.config.files import resolve, with_settings
from gcn_tf.runs.run_dir import write_run
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare

CASES = {
    "joint": {},
    "joint, from generated": {"classifier_learns_from": "generated"},
    "joint, from both, imagined class": {"classifier_learns_from": "both", "imagined_class_weight": 0.5},
    "frozen": {"cooperation": "frozen", "classifier_steps": 20},
    "none": {"cooperation": "none"},
    "mask and noise": {"mask_weight": 1.0, "generator": {"gaussian_dropout": 0.2}},
    "last phase": {"steps": 25, "classifier_share": 4.0, "classifier_mixup": 0.4},
    # At the default rate this toy multiplies rounding by ten every five steps.
    "references": {"generator": "references", "learning_rate": 1e-4},
}


def trained(config, strategy):
    """Weights of both networks after a training, and its last losses."""
    prepared = prepare(config, strategy=strategy)
    with tempfile.TemporaryDirectory() as folder:
        write_run(prepared.config, prepared.split.dataset.space, Path(folder))
        model = fit(prepared, Path(folder))
        lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    return [tf.convert_to_tensor(v.value).numpy() for v in model.all_variables], json.loads(lines[-1])


def main(toy: str, names: list[str]) -> None:
    one_device, two_devices = (
        tf.distribute.OneDeviceStrategy("/cpu:0"),
        tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]),
    )
    for name in names or CASES:
        settings = dict(CASES[name])
        config = resolve(config_file=Path(toy))
        if settings.get("generator") == "references":
            from gcn_tf.model.references.generator import References

            config = replace(config, generator=References())
            del settings["generator"]
        config = with_settings(
            config,
            {
                "steps": 50,
                "log_steps": 50,
                "image_steps": 1000,
                "classifier_share": 0,
                "imagined_from": 0.0,
                "imagined_full": 0.2,
                **settings,
            },
            "test",
        )
        one, logs = trained(config, one_device)
        two, other = trained(config, two_devices)
        apart = max(
            float(np.abs(a.astype(float) - b).max() / max(np.abs(a).max(), 1e-3))
            for a, b in zip(one, two, strict=True)
        )
        losses = {key: (logs[key], other[key]) for key in logs if key.endswith("_loss")}
        print(json.dumps({"case": name, "apart": apart, "losses": losses}), flush=True)


main(sys.argv[1], sys.argv[2:])
