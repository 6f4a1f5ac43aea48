"""A LiteRT file of a run, with the operators that LiteRT has itself. Another process converts: the converter can end its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.metrics.pictures import psnr_db
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.synthesis.formats.litert_layers import suited_to_litert
from gcn_tf.synthesis.formats.plain import plain_classifier, plain_generator

Tensors = dict[str, tf.Tensor]
CALIBRATING = 200  # seen cells, of which the ranges of int8 are measured
MOST_LOST_DB = 2.0
MOST_SECONDS = 1800
CONVERTER = ("-m", "gcn_tf.synthesis.formats.convert_litert")
REMEDY = "export with another --precision, or --format savedmodel"


def litert_file(run: Run, precision: str) -> bytes:
    """The content of a LiteRT file of a run.

    Its signatures, with a free number of pictures:

    - `serving_default`: {factor: int32 (B,)} ids -> {"image": float32 (B, H, W, C) in [0, 1]}
    - `blend`: {factor: float32 (B, K_f)} weights -> {"image": float32 (B, H, W, C) in [0, 1]}
    - `classify`: {"image": float32 (B, H, W, C) in [0, 1]} -> {factor: float32 (B, K_f)} probabilities

    Args:
        precision: of weights: float32, float16, or int8; the last also of what the layers compute, with ranges that are measured
            on seen cells.

    Raises:
        UserError: the converter fails; or int8 is wanted and the pictures of the run are not at hand, or seen cells would be more than
            `MOST_LOST_DB` worse.
    """
    calibration: dict[str, Any] = _calibration(run) if precision == "int8" else {}
    with tempfile.TemporaryDirectory(prefix="gcn-tf-") as scratch:
        folder = Path(scratch)
        try:
            _save(run, folder / "model")
        except tf.errors.OpError as error:
            raise OSError(None, " ".join(str(error).split())[:160], scratch) from error
        np.savez(folder / "calibration.npz", **calibration)
        (folder / "wanted.json").write_text(json.dumps({"precision": precision}), encoding="utf-8")
        _convert(folder)
        if precision == "int8":
            _check_int8(run, calibration, np.load(folder / "drawn.npy"))
        return (folder / "model.tflite").read_bytes()


def _convert(folder: Path) -> None:
    """Run `convert_litert` in a process of its own; raise UserError with its last line if it fails."""
    command = [sys.executable, *CONVERTER, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"the LiteRT converter did not end in {MOST_SECONDS} seconds: {REMEDY}") from None
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = f"signal {-done.returncode}" if done.returncode < 0 else (lines or ["no message"])[-1][:200]
    raise UserError(f"the LiteRT converter failed ({reason}): {REMEDY}")


def _check_int8(run: Run, calibration: dict[str, np.ndarray], drawn: np.ndarray) -> None:
    """Raise UserError if seen pictures are much worse than the run makes them: places in a picture, for one, need more than int8."""
    real = tf.constant(calibration["classify/image"])
    codes = {name: calibration[f"blend/{name}"] for name in run.space.names}
    own = tf.constant(generate_from_codes(run.model, codes) / np.float32(255))
    before, after = (tf.reduce_mean(psnr_db(real, made, 1.0)) for made in (own, tf.constant(drawn)))
    lost = float(before - after)
    if lost > MOST_LOST_DB:
        raise UserError(
            f"in int8, pictures of seen cells are {lost:.1f} dB worse than the run makes them, more than {MOST_LOST_DB:.0f}: "
            "export with --precision float16"
        )


def _calibration(run: Run) -> dict[str, np.ndarray]:
    """Inputs of the signatures, named signature/input: evenly chosen seen cells, and their pictures."""
    split = run.load_split()
    seen = split.rows(unseen=False)
    _, first = np.unique(split.ids[seen], axis=0, return_index=True)
    chosen = seen[first[np.linspace(0, len(first) - 1, min(len(first), CALIBRATING)).astype(int)]]
    ids = split.ids[chosen]
    inputs = {f"serving_default/{name}": ids[:, m].astype(np.int32) for m, name in enumerate(run.space.names)}
    inputs |= {f"blend/{name}": np.asarray(code, np.float32) for name, code in run.space.one_hot(ids).items()}
    return {**inputs, "classify/image": pixels(split, chosen) / np.float32(255)}


def _save(run: Run, folder: Path) -> None:
    """Write the functions that become signatures as a SavedModel, from which the converter starts."""
    generator = suited_to_litert(plain_generator(run.model, "float32"))
    classifier = plain_classifier(run.model, "float32")
    sizes = run.space.sizes

    def blend(**weights: tf.Tensor) -> Tensors:
        return {"image": generator({name: weights[name] for name in sizes})}

    def generate(**ids: tf.Tensor) -> Tensors:
        # Rows of a matrix: the converter makes a table of what one-hot codes become, which LiteRT does not have in int8.
        return blend(**{name: tf.gather(tf.eye(size), ids[name]) for name, size in sizes.items()})

    def classify(image: tf.Tensor) -> Tensors:
        return dict(classifier(image))

    ids = {name: tf.TensorSpec((None,), tf.int32, name=name) for name in sizes}
    weights = {name: tf.TensorSpec((None, size), tf.float32, name=name) for name, size in sizes.items()}
    image = tf.TensorSpec((None, *classifier.input.shape[1:]), tf.float32, name="image")
    module = tf.Module()
    module.kept = [variable.value for network in (generator, classifier) for variable in network.variables]
    signatures = {
        "serving_default": _traced(generate, ids),
        "blend": _traced(blend, weights),
        "classify": _traced(classify, {"image": image}),
    }
    tf.saved_model.save(module, str(folder), signatures)


def _traced(
    function: Callable[..., Tensors], inputs: dict[str, tf.TensorSpec]
) -> tf.types.experimental.ConcreteFunction:
    return tf.function(function, autograph=False).get_concrete_function(**inputs)
