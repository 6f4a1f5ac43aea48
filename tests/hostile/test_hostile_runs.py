"""What runs and studies write, damaged: checkpoints, logs and arrays."""

import functools
import io
import json
import operator
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import yaml
from damage import (
    damaged,
    in_little_memory,
    inputs,
    paths_in,
    read_arrays,
    read_or_refused,
    refused,
    with_replaced,
    write,
)
from hypothesis import strategies as st

from gcn_tf.model.build import build_model
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.reporting.charts import write_curves_chart
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.runs.run_dir import open_run
from gcn_tf.training.log import _logged_step


@pytest.fixture(scope="module")
def store(toy_config, tmp_path_factory):
    """The checkpoint of a toy run, and its bytes."""
    split = split_dataset(load_dataset(toy_config), toy_config.holdout, 0)
    model = build_model(toy_config, split.dataset.space, split.dataset.image_shape)
    kept = CheckpointStore(model, tmp_path_factory.mktemp("checkpoints"))
    kept.save(10)
    return kept, kept.latest.read_bytes()


@inputs(300, st.data())
def test_damaged_checkpoints_are_restored_or_refused(store, data):
    kept, whole = store
    kept.latest.write_bytes(data.draw(damaged(whole)))
    with read_or_refused(kept.folder):
        kept.restore()


@pytest.fixture(scope="module")
def run(toy_run, tmp_path_factory):
    """A copy of a run, and its settings."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    shutil.copytree(toy_run, folder, ignore=shutil.ignore_patterns("events.out*", "seen", "unseen", "model"))
    return folder, yaml.safe_load((folder / "config.yaml").read_text())


def open_with(run, place, value):
    folder, stored = run
    changed = with_replaced(stored, place, value)
    write(folder / "config.yaml", yaml.safe_dump(changed, sort_keys=False).encode())
    return open_run(folder)


MANY, ENDLESS = 10**6, 10**9
HUGE = {
    "generator.tower_units": ENDLESS,
    "generator.towers": {"digit": ENDLESS},
    "generator.trunk": [MANY, MANY],
    "generator.seed_tensor": [MANY, MANY, 1],
    "generator.upsampling.0.kernel": ENDLESS,
    "generator.upsampling.0.stride": ENDLESS,
    "generator.upsampling.0.filters": ENDLESS,
    "generator.upsampling": [{"filters": 3, "kernel": ENDLESS, "stride": 1, "pad": (ENDLESS - 22) // 2}],
    "classifier.convolutions.0.filters": ENDLESS,
    "classifier.convolutions.0.kernel": ENDLESS,
    "classifier.convolutions.0.stride": ENDLESS,
    "classifier.convolutions.0.pool": ENDLESS,
    "classifier.convolutions.0.pool_stride": ENDLESS,
    "classifier.head_units": [ENDLESS],
    "classifier.heads": {"digit": [ENDLESS]},
    "image_size": 1024,
}


@pytest.mark.parametrize("key", HUGE)
def test_a_run_whose_networks_were_made_huge_is_refused(key, run):
    place = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    with in_little_memory(), refused():
        open_with(run, place, HUGE[key])


def test_a_run_whose_networks_are_too_large_for_its_checkpoints_is_named(run):
    with refused(run[0] / "config.yaml", "1,000,228,007,292 weights", "restore the settings"):
        open_with(run, ("generator", "trunk"), [MANY, MANY])


def test_a_run_with_its_own_settings_is_opened(run):
    steps = run[1]["steps"]
    assert int(open_with(run, ("steps",), steps).model.step) == steps


@inputs(200, st.sampled_from(["generator", "classifier"]), st.data())
def test_a_run_with_layers_of_any_size_is_opened_or_refused(run, part, data):
    stored = run[1]
    place = (part, *data.draw(st.sampled_from(list(paths_in(stored[part])))))
    value = data.draw(st.integers(0, 9) | st.sampled_from([10**n for n in range(1, 13)]))
    if isinstance(functools.reduce(operator.getitem, place, stored), list | dict):
        value = [value] * data.draw(st.integers(1, 3))
    with read_or_refused():
        assert int(open_with(run, place, value).model.step) == stored["steps"]


def log_text() -> bytes:
    lines = [
        {"step": n, "train/generator_loss": 9.0 / n, "seen/psnr_db": 9.0 + n, "unseen/psnr_db": 9.5 + n}
        for n in range(1, 9)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


HOSTILE_LINES = [
    *("", "{", "[]", "null", '{"step": null}', '{"step": "a"}', '{"step": [1]}', "[" * 100_000),
    *('{"step": Infinity, "train/generator_loss": 1}', '{"step": 1, "train/generator_loss": NaN}'),
    *('{"step": 1, "train/generator_loss": "high"}', '{"step": 1, "seen/psnr_db": 1e308}'),
    f'{{"step": {"9" * 9000}, "seen/psnr_db": 1}}',
    f'{{"step": 1, "seen/psnr_db": {"9" * 400}}}',
]


def test_damaged_lines_of_a_log_are_not_drawn(tmp_path):
    drawn = []
    for text in (log_text(), log_text() + "\n".join(HOSTILE_LINES).encode() + b"\n\xff\n"):
        assert write_curves_chart(write(tmp_path / "metrics.jsonl", text), tmp_path / "curves.png")
        drawn.append((tmp_path / "curves.png").read_bytes())
    assert drawn[0] == drawn[1]
    write(tmp_path / "metrics.jsonl", "\n".join(HOSTILE_LINES[:8]).encode())
    assert not write_curves_chart(tmp_path / "metrics.jsonl", tmp_path / "curves.png")


@inputs(60, content=damaged(log_text()))
def test_a_damaged_log_is_drawn(content, folder):
    with read_or_refused():
        write_curves_chart(write(folder / "metrics.jsonl", content), folder / "curves.png")


@inputs(300, content=damaged(log_text()))
def test_steps_are_read_in_a_damaged_log(content):
    for line in content.decode(errors="replace").splitlines(keepends=True):
        assert isinstance(_logged_step(line), int)


def entry_file() -> bytes:
    made = io.BytesIO()
    arrays = {"numbers": np.array(json.dumps({"seconds": 1.5})), "images": np.zeros((2, 3), np.uint8)}
    np.savez_compressed(made, **arrays)
    return made.getvalue()


@inputs(700, content=damaged(entry_file()))
def test_damaged_arrays_are_read_or_refused(content, folder):
    path = write(folder / "entry.npz", content)
    with read_or_refused(path):
        read_arrays(path)


def npz_of(header: dict, data: bytes = b"") -> bytes:
    made, array = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"fortran_order": False, **header})
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("images.npy", array.getvalue() + data)
    return made.getvalue()


class Trace:
    """Unpickling this makes a file."""

    def __reduce__(self):
        return (open, ("trace", "w"))


HOSTILE_ARRAYS = {
    "a pickle": pickle.dumps(Trace()),
    "pickled values": npz_of({"descr": "|O", "shape": (1,)}, pickle.dumps(Trace())),
    "a huge shape": npz_of({"descr": "<f4", "shape": (10**13,)}),
    "a shape of many digits": npz_of({"descr": "<f4", "shape": (10**4000,)}),
    "no zip": b"PK but no zip",
}


@pytest.mark.parametrize("kind", HOSTILE_ARRAYS)
def test_hostile_arrays_are_refused_and_run_no_code(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "entry.npz", HOSTILE_ARRAYS[kind])
    with refused(path):
        read_arrays(path)
    assert not (tmp_path / "trace").exists()
