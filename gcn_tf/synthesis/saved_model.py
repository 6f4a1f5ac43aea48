"""One SavedModel with signatures named by factor, for projects that do not have this package."""

import json
import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import keras
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.files import replace_folder
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.gcn import GCN
from gcn_tf.runs.bundle import renew_checksums
from gcn_tf.runs.run_dir import Run
from gcn_tf.runs.stamp import NAME as STAMP
from gcn_tf.runs.stamp import Stamp, write_stamp
from gcn_tf.synthesis.draw import pictures_of
from gcn_tf.synthesis.input_checks import check_codes, check_same_length, check_weights_or_none
from gcn_tf.synthesis.transfer import PictureTransfer

Tensors = dict[str, tf.Tensor]
EXTRA = "assets.extra"  # where a SavedModel keeps what belongs to it and TensorFlow does not read
OWN_FILES = (  # all that an export writes
    *("saved_model.pb", "fingerprint.pb", "variables/variables.index"),
    "variables/variables.data-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]",
    *(f"{EXTRA}/factors.json", f"{EXTRA}/{STAMP}"),
)


def export_model(run: Run, folder: Path) -> Path:
    """Write the SavedModel of a run.

    Its signatures, all with a free batch dimension and one dict in and out:

    - `serving_default`: {factor: int32 (B,)} ids -> {"image": uint8 (B, H, W, 3)}
    - `blend`: {factor: float32 (B, K_f)} weights -> {"image": uint8 (B, H, W, 3)}
    - `classify`: {"image": uint8 (B, H, W, 3)} -> {factor: float32 (B, K_f)} probabilities
    - `transfer`: {"image": uint8 (B, H, W, C), "wanted_FACTOR" and "known_FACTOR": float32 (B, K_f)} -> {"image": uint8 (B, H, W, C),
      "known_FACTOR": float32 (B, K_f)}, as `gcn_tf.synthesis.transfer.PictureTransfer` says
    - `factors`: nothing -> {factor: string (K_f,)} the names of the values, in code order

    The first two raise InvalidArgumentError for ids out of range and for weights that are no blend. As a
    `keras.layers.TFSMLayer`, `classify` also takes the image tensor alone.

    The values also lie beside it, in `assets.extra/factors.json`, and in `assets.extra/identity.json` the run, its step,
    and size and SHA-256 of every file. The folder appears complete or not at all; what an export wrote there before is
    replaced once the new one is complete. A link stays, what it leads to is replaced.

    Raises:
        UserError: the folder holds anything that no export wrote, or cannot be written.
    """
    model, space = run.model, run.space
    check_replaceable(folder)
    inside = Path(os.path.realpath(folder)).parent
    if (inside / "config.yaml").exists() and not inside.samefile(run.folder):
        raise UserError(f"{folder} is a part of another run: export to a new --out")
    ids = {name: tf.TensorSpec((None,), tf.int32, name=name) for name in space.names}
    weights = {name: tf.TensorSpec((None, size), tf.float32, name=name) for name, size in space.sizes.items()}

    def generate(factors: Tensors) -> Tensors:
        return {"image": pictures_of(model, _checked(factors, space))}

    def factors() -> Tensors:
        return {factor.name: tf.constant(factor.values) for factor in space}

    transfer = PictureTransfer(run) if run.config.generator.transfers else None
    archive = keras.export.ExportArchive()
    archive.track(model.generator)
    archive.track(model.classifier)
    _name_variables_once(archive)
    if transfer:
        archive._tf_trackable.of_transfer = list(transfer.tables)
    archive._tf_trackable.of_classify = [variable.value for variable in model.temperatures.values()]
    archive.add_endpoint("serving_default", generate, input_signature=[ids])
    archive.add_endpoint("blend", generate, input_signature=[weights])
    archive.add_endpoint("classify", _classification(model))
    if transfer:
        archive.add_endpoint("transfer", _transfer(transfer, space), input_signature=[_transfer_inputs(run)])
    archive.add_endpoint("factors", factors, input_signature=[])

    def write(beside: Path) -> None:
        archive.write_out(str(beside), verbose=False)
        (beside / EXTRA).mkdir()
        values = {factor.name: list(factor.values) for factor in space}
        (beside / EXTRA / "factors.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
        write_stamp(beside, EXTRA, run)

    try:
        replace_folder(folder, write)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot write to {folder}: {' '.join(str(error).split())[:160]}") from error
    if inside.samefile(run.folder):
        renew_checksums(run.folder, folder.name)
    return folder


def _name_variables_once(archive: keras.export.ExportArchive) -> None:
    """Track TensorFlow's variables instead of Keras's around them: else the SavedModel holds every weight twice.

    The functions of an archive bring the former along, and TensorFlow stores what it finds under several names once.
    """
    tracked = archive._tf_trackable
    for name in ("variables", "trainable_variables", "non_trainable_variables"):
        setattr(tracked, name, [variable.value for variable in getattr(tracked, name)])


def check_replaceable(folder: Path) -> None:
    """Raise UserError unless a SavedModel may be written there: nothing that no export wrote would be lost."""
    place = Path(os.path.realpath(folder))
    if Path.cwd().is_relative_to(place):
        raise UserError(f"{folder} is the folder that you are in: name a new one with --out")
    if place.exists() and not place.is_dir():
        raise UserError(f"{folder} is a file: name a new folder with --out")
    name = None
    for path in place.rglob("*"):
        name = str(path.relative_to(place))
        if not path.is_dir() and not any(fnmatchcase(name, own) for own in OWN_FILES):
            raise UserError(
                f"{folder} holds what no export wrote ({name}): move it away, or export to a new --out"
            )
    if name and not (place / EXTRA / "factors.json").exists():
        raise UserError(
            f"{folder} holds a SavedModel that is no export, or lost its {EXTRA}: move it away, or export to a new --out"
        )


def check_holds_no_pictures(config: RunConfig) -> None:
    """Raise UserError for runs whose SavedModel holds the pictures that they were trained on."""
    if config.generator.keeps_pictures:
        raise UserError(
            f"a generator of kind {config.generator.kind} draws from the pictures it was trained on, and holds them: without them there is "
            "nothing to export; train with --generator deconvolution"
        )


def read_stamp(folder: Path) -> Stamp:
    """What a SavedModel says of itself; raises UserError if it says nothing."""
    return Stamp.read(folder, EXTRA, "export it again with gcn-tf export RUN")


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


def _transfer_inputs(run: Run) -> dict[str, tf.TensorSpec]:
    """What the signature `transfer` takes."""
    given = {"image": tf.TensorSpec((None, *run.model.classifier.input.shape[1:]), tf.uint8, name="image")}
    for kind in ("wanted", "known"):
        for name, size in run.space.sizes.items():
            given[f"{kind}_{name}"] = tf.TensorSpec((None, size), tf.float32, name=f"{kind}_{name}")
    return given


def _transfer(transfer: PictureTransfer, space: FactorSpace) -> Callable[[Tensors], Tensors]:
    """The signature `transfer`, with assertions in the graph that name the first bad row."""

    def transferred(given: Tensors) -> Tensors:
        checks = [check_same_length(given)]
        checks += [
            check_weights_or_none(f"{kind}_{name}", size, given[f"{kind}_{name}"])
            for kind in ("wanted", "known")
            for name, size in space.sizes.items()
        ]
        with tf.control_dependencies([check.assertion() for check in checks]):
            given = {name: tf.identity(values) for name, values in given.items()}
        wanted, known = ({n: given[f"{kind}_{n}"] for n in space.names} for kind in ("wanted", "known"))
        made = transfer(given["image"], known, wanted)
        return {"image": made.images, **{f"known_{name}": weights for name, weights in made.shown.items()}}

    return transferred


def _checked(factors: Tensors, space: FactorSpace) -> Tensors:
    """The factors unchanged, with assertions in the graph that name the first bad row."""
    ordered = {name: factors[name] for name in space.names}
    checks = [check_same_length(ordered)]
    checks += [check_codes(name, size, ordered[name]) for name, size in space.sizes.items()]
    # Around nothing but these copies: layers with control inputs would not be fused, which changes bfloat16 pixels.
    with tf.control_dependencies([check.assertion() for check in checks]):
        return {name: tf.identity(values) for name, values in ordered.items()}
