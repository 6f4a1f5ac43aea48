"""`gcn-tf share`: a run as a folder to hand on, which TensorFlow, gcn-tf and the Hugging Face Hub take as it is."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gcn_tf import __version__
from gcn_tf.config.files import NEWCOMERS
from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import read_report
from gcn_tf.files import read_json_object, replace_folder
from gcn_tf.runs.bundle import (
    ABOUT,
    CARD,
    CHECKSUMS,
    file_sha256,
    is_bundle,
    read_checksums,
    write_checksums,
)
from gcn_tf.runs.checkpoints import LOG, DamagedCheckpoint, checkpoint_sha256, read_note
from gcn_tf.runs.run_dir import Run, open_run, read_run_config, write_run
from gcn_tf.runs.stamp import NAME as STAMP
from gcn_tf.sharing.card import Bundle, card_text
from gcn_tf.sharing.example import example_text
from gcn_tf.sharing.places import Places, without_places
from gcn_tf.sharing.report_copy import copy_report
from gcn_tf.sharing.statement import (
    LICENCE_FILE,
    Statement,
    check_may_be_passed_on,
    earlier_statement,
    licence_text,
    of_terms,
)
from gcn_tf.sharing.stored import stored_of_pictures
from gcn_tf.synthesis import saved_model


@dataclass(frozen=True)
class Shared:
    """A bundle that was written.

    Args:
        statement: what is stated of the pictures, by the owner or by the dataset.
        stored: lines about what is stored of them.
    """

    folder: Path
    statement: Statement
    stored: tuple[str, ...]


def share(
    run_dir: Path | str,
    out: Path | str,
    statement: Statement | None = None,
    checkpoint: str = "",
    pictures: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Shared:
    """Write a run as a bundle: SavedModel, checkpoint, settings, factors, plan, report, licence, card, example, checksums.

    Args:
        run_dir: of the run, which stays as it is.
        out: folder of the bundle; it appears whole or not at all. A bundle of the same run is replaced.
        statement: what the owner states of the pictures; what is left open is what the dataset says itself.
        checkpoint: file name of another checkpoint than the newest, such as `best.npz`.
        pictures: whether what shows real pictures is in it: figures of the report, and pictures of newcomers.
        say: called with lines about what is left out.

    Raises:
        UserError: no run, a folder that holds something else, pictures that may not be handed on, or a generator that draws from the
            pictures it saw, of a bundle without pictures.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from gcn_tf.runs.run_dir import open_run
    >>> from gcn_tf.sharing.share import share
    >>> shared = share("runs/demo", Path(tempfile.mkdtemp()) / "digits", pictures=False)
    >>> open_run(shared.folder).config.dataset, shared.statement.people
    ('glyphs', 'no')
    """
    run_dir, out = Path(run_dir), Path(out)
    config = read_run_config(run_dir)
    _check_place(out, run_dir)
    stated = (statement or Statement()).or_else(earlier_statement(run_dir))
    check_may_be_passed_on(config, stated, pictures)
    stated = stated.or_else(of_terms(config.options.terms))
    if not pictures:
        saved_model.check_holds_no_pictures(config)
    run = open_run(run_dir, checkpoint)
    _check_earlier(out, run)
    stored: list[str] = []
    replace_folder(
        out, lambda beside: stored.extend(_write(beside, out.resolve().name, run, stated, pictures, say))
    )
    return Shared(out, stated, tuple(stored))


def _write(
    folder: Path, name: str, run: Run, stated: Statement, pictures: bool, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Write all files of a bundle; return the lines about what is stored of the pictures."""
    config = without_places(run.config)
    shared = replace(run, folder=folder, config=config)
    places = Places.of(run.config, config)
    write_run(config, run.space, folder)
    _copy_checkpoint(run, folder)
    _copy_plan(run, folder, places)
    _copy_model(run, shared)
    reported = copy_report(run, folder / "report", places, pictures, say)
    if pictures and run.config.newcomers:
        _copy_newcomers(Path(run.config.newcomers), folder / NEWCOMERS)
    report = read_report(folder) if reported else None
    _write_text(folder / LICENCE_FILE, licence_text(stated, config))
    _write_text(folder / "example.py", example_text(run.space, config.image_shape))
    stored = tuple(stored_of_pictures(folder, config, run.space, stated.people, report))
    bundle = Bundle(name, folder, config, run.space, int(run.model.step), stated, report, stored)
    _write_text(folder / CARD, card_text(bundle))
    about = {
        "gcn-tf": __version__,
        "run": run.identity.name,
        "step": int(run.model.step),
        "checkpoint": run.checkpoint,
        "pictures": pictures,
        **asdict(stated),
    }
    _write_text(folder / ABOUT, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    write_checksums(folder)
    return stored


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _copy_checkpoint(run: Run, folder: Path) -> None:
    """Copy the checkpoint that was opened, as that of its step, and the log that it belongs to."""
    for path in sorted((run.folder / "checkpoints").glob("*.npz")):
        try:
            if checkpoint_sha256(path) == run.checkpoint:
                step = read_note(path)["step"]
                shutil.copyfile(path, folder / "checkpoints" / f"step-{step:08d}.npz")
                break
        except DamagedCheckpoint:
            continue
    else:
        raise UserError(f"{run.folder / 'checkpoints'} changed meanwhile: share the run when it is trained")
    if (run.folder / LOG).exists():
        shutil.copyfile(run.folder / LOG, folder / LOG)


def _copy_plan(run: Run, folder: Path, places: Places) -> None:
    plan = run.folder / "plan.yaml"
    if plan.is_file():
        _write_text(folder / plan.name, places.out_of_yaml(plan.read_text(encoding="utf-8")))


def _copy_model(run: Run, shared: Run) -> None:
    """Copy the SavedModel if it is whole and of this checkpoint; else export it."""
    source, target = run.folder / "model", shared.folder / "model"
    try:
        stamp = saved_model.read_stamp(source)
        stamp.check_files(whole=True)
        current = stamp.checkpoint == run.checkpoint
    except UserError:  # missing or damaged
        current = False
    if not current:
        saved_model.export_model(shared, target)
        return
    own = {*stamp.files, f"{saved_model.EXTRA}/{STAMP}"}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if str(name) in own and path.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def _copy_newcomers(source: Path, target: Path) -> None:
    """Copy the pictures that extended a run, and their labels."""
    target.mkdir()
    for path in (*sorted(source.glob("*.png")), source / "labels.csv"):
        shutil.copyfile(path, target / path.name)


def _check_place(out: Path, run_dir: Path) -> None:
    """Raise UserError unless a bundle may be written there: in a new folder, or in the place of one that nobody worked on."""
    place, source = Path(os.path.realpath(out)), Path(os.path.realpath(run_dir))
    if Path.cwd().is_relative_to(place):
        raise UserError(f"--out {out} is the folder that you are in: name a new one")
    if place.is_relative_to(source) or source.is_relative_to(place):
        raise UserError(f"--out {out} and the run {run_dir} lie in one another: name a folder elsewhere")
    if place.exists() and not place.is_dir():
        raise UserError(f"--out {out} is a file: name a new folder")
    if not place.is_dir() or not any(place.iterdir()):
        return
    if not is_bundle(place):
        raise UserError(f"--out {out} holds files that share did not write: name a new folder")
    _check_untouched(out, place)


def _check_earlier(out: Path, run: Run) -> None:
    """Raise UserError if there is a bundle of another run."""
    if not (out / ABOUT).exists():
        return
    if read_json_object(out / ABOUT, "name a new folder").get("run") != run.identity.name:
        raise UserError(f"--out {out} is a bundle of another run: name a new folder")


def _check_untouched(out: Path, place: Path) -> None:
    """Raise UserError for a bundle that somebody worked on: with other files, or another card."""
    sums = read_checksums(place)
    names = {str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir()}
    if others := sorted(names - {*sums, CHECKSUMS}):
        raise UserError(
            f"--out {out} holds what share did not write ({others[0]}): move it away, or name a new folder"
        )
    if CARD in names and file_sha256(place / CARD) != sums.get(CARD):
        raise UserError(
            f"--out {out}: its {CARD} was edited and would be lost: move it away, or name a new folder"
        )
