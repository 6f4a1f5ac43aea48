"""One SavedModel with signatures named by factor, for projects that do not have this package."""

import json
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.gcn import GCN


def _uint8(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(images * 255.0), tf.uint8)


def export_model(model: GCN, space: FactorSpace, folder: Path) -> Path:
    """Write the SavedModel of a run.

    Its signatures, all with a free batch dimension and one dict in and out:

    - `serving_default`: {factor: int32 (B,)} ids -> {"image": uint8 (B, H, W, 3)}
    - `blend`: {factor: float32 (B, K_f)} weights -> {"image": uint8 (B, H, W, 3)}
    - `classify`: {"image": uint8 (B, H, W, 3)} -> {factor: float32 (B, K_f)} probabilities
    - `factors`: nothing -> {factor: string (K_f,)} the names of the values, in code order

    The values also lie beside it, in `assets.extra/factors.json`. The folder appears complete or not at all;
    a SavedModel that is there is replaced.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    if folder.exists() and not _is_saved_model(folder):
        raise UserError(f"{folder} holds something else than a SavedModel: name a new folder with --out")
    image_shape = (None, *model.classifier.input.shape[1:])
    ids = {name: tf.TensorSpec((None,), tf.int32, name=name) for name in space.names}
    weights = {name: tf.TensorSpec((None, size), tf.float32, name=name) for name, size in space.sizes.items()}
    images = {"image": tf.TensorSpec(image_shape, tf.uint8, name="image")}

    def draw(factors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"image": _uint8(model(factors))}

    def classify(pictures: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logits = model.classify(tf.cast(pictures["image"], tf.float32) / 255.0)
        return {name: tf.nn.softmax(values) for name, values in logits.items()}

    def factors() -> dict[str, tf.Tensor]:
        return {factor.name: tf.constant(factor.values) for factor in space}

    archive = keras.export.ExportArchive()
    archive.track(model.generator)
    archive.track(model.classifier)
    archive.add_endpoint("serving_default", draw, input_signature=[ids])
    archive.add_endpoint("blend", draw, input_signature=[weights])
    archive.add_endpoint("classify", classify, input_signature=[images])
    archive.add_endpoint("factors", factors, input_signature=[])
    try:
        beside = folder.with_name(folder.name + ".partial")
        shutil.rmtree(beside, ignore_errors=True)
        archive.write_out(str(beside), verbose=False)
        (beside / "assets.extra").mkdir()
        values = {factor.name: list(factor.values) for factor in space}
        (beside / "assets.extra" / "factors.json").write_text(json.dumps(values, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot write to {folder}: {' '.join(str(error).split())[:160]}") from error
    return folder


def _is_saved_model(folder: Path) -> bool:
    """Or nothing at all."""
    return folder.is_dir() and ((folder / "saved_model.pb").exists() or not any(folder.iterdir()))
