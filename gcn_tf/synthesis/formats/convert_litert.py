"""From a SavedModel to a LiteRT file, in a process of its own: `python -m gcn_tf.synthesis.formats.convert_litert FOLDER`.

The folder holds the SavedModel `model`, `wanted.json` and `calibration.npz`; the result is written to `model.tflite`, and what
an int8 file makes of the cells of the calibration to `drawn.npy`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gcn_tf.quiet import import_tensorflow


def convert(folder: Path) -> bytes:
    """Convert with the operators that LiteRT has itself; the converter raises an error for those that it has not."""
    import tensorflow as tf

    precision = json.loads((folder / "wanted.json").read_text(encoding="utf-8"))["precision"]
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(folder / "model"), signature_keys=["serving_default", "blend", "classify"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: examples(folder / "calibration.npz")
    made: bytes = converter.convert()
    return made


def examples(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Inputs of one picture after another, with the signature that takes them."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    inputs: dict[str, dict[str, np.ndarray]] = {}
    for name, values in arrays.items():
        signature, _, argument = name.partition("/")
        inputs.setdefault(signature, {})[argument] = values
    for signature, values in inputs.items():
        for row in range(len(next(iter(values.values())))):
            yield signature, {argument: value[row : row + 1] for argument, value in values.items()}


def drawn(content: bytes, path: Path) -> np.ndarray:
    """The pictures of the cells of a calibration by a LiteRT file: float32 (N, H, W, C)."""
    import tensorflow as tf

    blend = tf.lite.Interpreter(model_content=content).get_signature_runner("blend")
    return np.concatenate([blend(**given)["image"] for name, given in examples(path) if name == "blend"])


if __name__ == "__main__":
    import_tensorflow()
    folder = Path(sys.argv[1])
    content = convert(folder)
    (folder / "model.tflite").write_bytes(content)
    if json.loads((folder / "wanted.json").read_text(encoding="utf-8"))["precision"] == "int8":
        np.save(folder / "drawn.npy", drawn(content, folder / "calibration.npz"))
