"""`gcn-tf export`: write a run for other projects, as a SavedModel or in the format of another runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from gcn_tf.commands import flags
from gcn_tf.commands.flags import CHECKPOINTS, Checkpoint, Debug, place
from gcn_tf.errors import UserError, shown_text, suggest
from gcn_tf.quiet import import_tensorflow

HELP = """Write a run for other projects: codes in, pictures out, and the classifier.

Example: gcn-tf export runs/demo --out digits_model
"""
FORMATS = ("savedmodel", "keras", "litert", "onnx")
PRECISIONS = ("float32", "float16", "int8")
TFJS = {"tfjs", "tensorflowjs", "tensorflow.js", "tf.js"}


@dataclass(frozen=True)
class Export:
    """Options of `export`."""

    run: Positional[Path]
    """Folder that train wrote."""
    out: Annotated[Path | None, place("in the run, model/ or model.keras, .tflite or .onnx")] = None
    """Folder of the SavedModel, or file of another format."""
    format: Annotated[str, arg(metavar=f"{{{','.join(FORMATS)}}}")] = "savedmodel"
    """What is written: a SavedModel for TensorFlow, or a file for Keras, LiteRT or ONNX Runtime, which need no TensorFlow."""
    precision: Annotated[str, place("float32", f"{{{','.join(PRECISIONS)}}}")] = ""
    """Of a LiteRT file: float32, float16 (half the size) or int8 (a quarter, calibrated on seen cells)."""
    without_references: bool = False
    """Write nothing that holds pictures of the training: refuse runs that draw from them."""
    checkpoint: Checkpoint = "newest"
    debug: Debug = False


OWN_FLAGS = (Export,)


def parse(words: Sequence[str]) -> Export:
    """Flags as options; raises UserError for words that `export` does not take."""
    options = flags.parse(Export, words, "export", HELP)
    if options.format.lower() in TFJS:
        raise UserError(
            f"--format {options.format}: TensorFlow.js has a converter that does not install beside this TensorFlow; in a browser, "
            "ONNX Runtime Web runs --format onnx and LiteRT.js runs --format litert"
        )
    if options.format not in FORMATS:
        raise UserError(
            f"--format {shown_text(options.format)}: give one of {', '.join(FORMATS)}{suggest(options.format, FORMATS)}"
        )
    if options.precision and options.format != "litert":
        raise UserError(
            f"--precision {shown_text(options.precision)} is of --format litert alone: leave it out"
        )
    if options.precision and options.precision not in PRECISIONS:
        raise UserError(f"--precision {shown_text(options.precision)}: give one of {', '.join(PRECISIONS)}")
    return options


def run(options: Export) -> None:
    """Write the export and say where it is."""
    import_tensorflow()
    from gcn_tf.runs.run_dir import read_run_config
    from gcn_tf.synthesis.saved_model import check_holds_no_pictures

    if options.without_references:
        check_holds_no_pictures(read_run_config(options.run))
    if options.format == "savedmodel":
        _saved_model(options)
    else:
        _files(options)


def _saved_model(options: Export) -> None:
    from gcn_tf.runs.run_dir import open_run
    from gcn_tf.synthesis.saved_model import check_replaceable, export_model

    folder = options.out or options.run / "model"
    check_replaceable(folder)
    opened = open_run(options.run, CHECKPOINTS[options.checkpoint])
    print(f"SavedModel: {export_model(opened, folder)}")


def _files(options: Export) -> None:
    from gcn_tf.runs.run_dir import open_run
    from gcn_tf.synthesis.formats.export import export_files, needed_modules, places

    precision = options.precision or "float32"
    places(options.run, options.format, options.out, precision)
    opened = open_run(options.run, CHECKPOINTS[options.checkpoint])
    paths = export_files(opened, options.format, options.out, precision)
    labels = ("generator", "classifier") if len(paths) > 1 else ("generator and classifier",)
    for label, path in zip(labels, paths, strict=True):
        print(f"{label}: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if options.format == "keras" and (modules := needed_modules(opened)):
        print(f"to load the generator, first import {', '.join(modules)}: it has layers that Keras has not")
