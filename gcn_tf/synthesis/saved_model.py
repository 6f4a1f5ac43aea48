"""One SavedModel with signatures named by factor, for projects that do not have this package."""

import json
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.gcn import GCN
from gcn_tf.synthesis.draw import pictures_of
from gcn_tf.synthesis.input_checks import check_codes, check_same_length

Tensors = dict[str, tf.Tensor]


def export_model(model: GCN, space: FactorSpace, folder: Path) -> Path:
    """Write the SavedModel of a run.

    Its signatures, all with a free batch dimension and one dict in and out:

    - `serving_default`: {factor: int32 (B,)} ids -> {"image": uint8 (B, H, W, 3)}
    - `blend`: {factor: float32 (B, K_f)} weights -> {"image": uint8 (B, H, W, 3)}
    - `classify`: {"image": uint8 (B, H, W, 3)} -> {factor: float32 (B, K_f)} probabilities
    - `factors`: nothing -> {factor: string (K_f,)} the names of the values, in code order

    The first two raise InvalidArgumentError for ids out of range and for weights that are no blend. As a
    `keras.layers.TFSMLayer`, `classify` also takes the image tensor alone.

    The values also lie beside it, in `assets.extra/factors.json`. The folder appears complete or not at all;
    a SavedModel that is there is replaced.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    if folder.exists() and not _is_saved_model(folder):
        raise UserError(f"{folder} holds something else than a SavedModel: name a new folder with --out")
    ids = {name: tf.TensorSpec((None,), tf.int32, name=name) for name in space.names}
    weights = {name: tf.TensorSpec((None, size), tf.float32, name=name) for name, size in space.sizes.items()}

    def generate(factors: Tensors) -> Tensors:
        return {"image": pictures_of(model, _checked(factors, space))}

    def factors() -> Tensors:
        return {factor.name: tf.constant(factor.values) for factor in space}

    archive = keras.export.ExportArchive()
    archive.track(model.generator)
    archive.track(model.classifier)
    archive.add_endpoint("serving_default", generate, input_signature=[ids])
    archive.add_endpoint("blend", generate, input_signature=[weights])
    archive.add_endpoint("classify", _classification(model))
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


def _classification(model: GCN) -> tf.types.experimental.PolymorphicFunction:
    """uint8 (B, H, W, 3), alone or as {"image": ...}, to probabilities float32 (B, K_f) by factor.

    Traced for both: a signature gives its function a dict, Keras's `Sequential` and functional models a tensor.
    """

    @tf.function(autograph=False)
    def classify(pictures: tf.Tensor | Tensors) -> Tensors:
        image = pictures["image"] if isinstance(pictures, dict) else pictures
        logits = model.classify(tf.cast(image, tf.float32) / 255.0)
        return {name: tf.nn.softmax(values) for name, values in logits.items()}

    image = tf.TensorSpec((None, *model.classifier.input.shape[1:]), tf.uint8, name="image")
    classify.get_concrete_function({"image": image})  # the first becomes the signature
    classify.get_concrete_function(image)
    return classify


def _checked(factors: Tensors, space: FactorSpace) -> Tensors:
    """The factors unchanged, with assertions in the graph that name the first bad row."""
    ordered = {name: factors[name] for name in space.names}
    checks = [check_same_length(ordered)]
    checks += [check_codes(name, size, ordered[name]) for name, size in space.sizes.items()]
    # Around nothing but these copies: layers with control inputs would not be fused, which changes bfloat16 pixels.
    with tf.control_dependencies([check.assertion() for check in checks]):
        return {name: tf.identity(values) for name, values in ordered.items()}


def _is_saved_model(folder: Path) -> bool:
    """Or nothing at all."""
    return folder.is_dir() and ((folder / "saved_model.pb").exists() or not any(folder.iterdir()))
