"""Write a run as files for other runtimes: Keras, LiteRT or ONNX. The SavedModel is `gcn_tf.synthesis.saved_model`'s."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from gcn_tf.errors import UserError
from gcn_tf.files import write_atomically
from gcn_tf.runs.run_dir import Run
from gcn_tf.synthesis.formats.about import NAME, About, add_to_archive, check_replaceable_file
from gcn_tf.synthesis.formats.plain import foreign_modules, plain_classifier, plain_generator

SUFFIXES = {"keras": ".keras", "litert": ".tflite", "onnx": ".onnx"}
BOTH = ("generator", "classifier")

File = tuple[Path, Callable[[Path], Any]]


def export_files(run: Run, kind: str, out: Path | None = None, precision: str = "float32") -> list[Path]:
    """Write a run in a format of files.

    A generator takes {factor: float32 (B, K_f)}, weights that sum to 1, and gives `image`, float32 (B, H, W, C) in [0, 1]; a
    classifier takes such an image and gives probabilities {factor: float32 (B, K_f)}. LiteRT has both in one file
    (`gcn_tf.synthesis.formats.litert` lists its signatures), the others have a file of each. All files of an export appear, or none of them.

    Args:
        kind: keras, litert or onnx.
        out: the file, of the generator where there are two; by default `model.keras`, `model.tflite`, `model-int8.tflite` or
            `model.onnx` in the run.
        precision: of a LiteRT file: float32, float16 or int8.

    Returns:
        The files: of both, or of the generator and of the classifier.

    Raises:
        UserError: a file there is no export of this run, a file cannot be written, or the networks have what the format has not.
    """
    paths = places(run.folder, kind, out, precision)
    for path in paths:
        check_replaceable_file(path, run)
    writers = {"keras": _keras_writers, "litert": _litert_writers, "onnx": _onnx_writers}[kind]
    try:
        _write_together(list(zip(paths, writers(run, precision), strict=True)))
    except OSError as error:
        raise UserError(f"cannot write to {error.filename or paths[0]}: {error.strerror or error}") from None
    return paths


def places(run_dir: Path, kind: str, out: Path | None, precision: str) -> list[Path]:
    """The files of an export; raises UserError if --out does not end as the format's files do.

    >>> [path.name for path in places(Path("runs/demo"), "litert", None, "int8")]
    ['model-int8.tflite']
    >>> [path.name for path in places(Path("runs/demo"), "onnx", Path("digits.onnx"), "float32")]
    ['digits.onnx', 'digits-classifier.onnx']
    """
    suffix = SUFFIXES[kind]
    stem = "model" if precision == "float32" else f"model-{precision}"
    path = out or run_dir / f"{stem}{suffix}"
    if path.suffix != suffix:
        raise UserError(f"--out {path}: files of --format {kind} end in {suffix}")
    return [path] if kind == "litert" else [path, path.with_name(f"{path.stem}-classifier{suffix}")]


def needed_modules(run: Run) -> list[str]:
    """Modules of this package to import before the .keras file of a run's generator is loaded; mostly none."""
    return foreign_modules(plain_generator(run.model))


def _keras_writers(run: Run, precision: str) -> list[Callable[[Path], Any]]:
    def writer(name: str, network: keras.Model) -> Callable[[Path], Any]:
        about = About.of(run, "keras", str(run.config.precision), name)

        def write(path: Path) -> None:
            try:
                network.save(path)
            except RuntimeError as error:  # of HDF5
                raise OSError(None, " ".join(str(error).split())[:160], str(path)) from error
            add_to_archive(path, about)

        return write

    return [
        writer("generator", plain_generator(run.model)),
        writer("classifier", plain_classifier(run.model)),
    ]


def _litert_writers(run: Run, precision: str) -> list[Callable[[Path], Any]]:
    from gcn_tf.synthesis.formats.litert import litert_file

    content, about = litert_file(run, precision), About.of(run, "litert", precision, *BOTH)

    def write(path: Path) -> None:
        path.write_bytes(content)
        add_to_archive(path, about)

    return [write]


def _onnx_writers(run: Run, precision: str) -> list[Callable[[Path], Any]]:
    from gcn_tf.synthesis.formats.onnx_graph import onnx_bytes

    def writer(name: str, network: keras.Model) -> Callable[[Path], Any]:
        content = onnx_bytes(network, {NAME: About.of(run, "onnx", precision, name).to_json()})
        return lambda path: path.write_bytes(content)

    return [
        writer("generator", plain_generator(run.model, "float32")),
        writer("classifier", plain_classifier(run.model, "float32")),
    ]


def _write_together(files: Sequence[File]) -> None:
    """Write all files under temporary names before the first of them gets its own."""
    (path, write), *others = files

    def write_all(beside: Path) -> None:
        write(beside)
        if others:
            _write_together(others)

    write_atomically(path, write_all)
