"""Add newcomers to a trained run: new values of its factors, from a few pictures, as a new run."""

import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from gcn_tf.config.files import NEWCOMERS, OWN_PICTURES
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.files import replace_folder
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.model.gcn import GCN
from gcn_tf.model.grow import grow
from gcn_tf.newcomers.likeness import Likeness
from gcn_tf.newcomers.pictures import NewcomerPictures, Where, newcomer_pictures
from gcn_tf.newcomers.tuning import tune_layers
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.folder.writing import write_pictures
from gcn_tf.pipelines.newcomers import read_newcomers
from gcn_tf.pipelines.split import Split, with_newcomers
from gcn_tf.runs.checkpoints import CheckpointStore, checkpoint_sha256
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.run_dir import Run, check_new_run_dir, open_run, write_run
from gcn_tf.synthesis.saved_model import export_model

Depth = Literal["code", "layers"]


def extend(
    run_dir: Path | str,
    values: Sequence[str],
    pictures: Sequence[Path],
    out: Path | None = None,
    where: Where | None = None,
    depth: Depth = "code",
    say: Callable[[str], None] = lambda line: None,
    force: bool = False,
) -> Run:
    """Add newcomers to a run; the run itself stays as it is, and so do the pictures of all cells that it has, or nearly so.

    Args:
        run_dir: of the run.
        values: words such as "person=anna", a new value, and "gesture=2", a known one that all pictures show.
        pictures: a folder with labels as own pictures have them, or files.
        out: folder of the new run; by default that of the run, + and the new values.
        where: where the labels of a folder are, if not in a labels.csv.
        depth: "code": what belongs to the new values alone is learned, and old cells stay the same bits; "layers": the layers are tuned
            as well, with replay of old cells.
        say: called with lines about the pictures, such as those that are left out.
        force: take pictures that are nothing like those of the run, and say so.

    Returns:
        The new run, opened. Its folder appears whole or not at all.

    Raises:
        UserError: pictures or values that the run cannot take, pictures that are nothing like the run's, or a folder that holds
            something.
    """
    run = open_run(run_dir)
    split = run.load_split()
    exact = run.config.generator.exact_factors(run.model.generator)
    found = newcomer_pictures(
        run.config, split.dataset, exact, values, [Path(path) for path in pictures], where or Where()
    )
    for note in found.notes:
        say(note)
    grown = with_newcomers(split, found.images, found.labels)
    folder = out or _folder(run, grown)
    _check_free(folder, run, grown)
    _check_likeness(split, grown, found, say if force else None)
    config = replace(run.config, generator=run.config.generator.with_newcomers(len(found.images)))
    model = extended_model(run, config, split, grown)
    if depth == "layers":
        say(tune_layers(model, split, grown).line())
    replace_folder(folder, lambda beside: _write(beside, run, config, split, found, model))
    return open_run(folder)


def extended_model(run: Run, config: RunConfig, split: Split, grown: Split) -> GCN:
    """The model of a run with the values of newcomers.

    Args:
        config: settings of the new run.
        split: the pictures of the run; grown: with those of the newcomers.
    """
    space, old = grown.dataset.space, run.space
    model = build_model(config, space, grown.dataset.image_shape)
    grow(model, run.model, space.sizes, old.sizes)
    known, new = split.rows(unseen=False), np.arange(len(split.ids), len(grown.ids))
    images, ids = pixels(grown, new), grown.ids[new]
    config.generator.learn_newcomers(model.generator, images, ids, space.sizes, old.sizes)
    config.classifier.learn_newcomers(
        model.classifier,
        (pixels(split, known), split.ids[known]),
        (images, ids),
        space.sizes,
        old.sizes,
    )
    return model


def words_of_newcomers(before: FactorSpace, run: Run) -> list[str]:
    """Words for `gcn-tf generate`: every cell of the newcomers, with the first value of factors that a formula draws.

    Args:
        before: the factors of the run that was extended; run: the new one.
    """
    return _words(before, run.space, run.config.generator.exact_factors(run.model.generator))


def _words(before: FactorSpace, after: FactorSpace, exact: Sequence[str]) -> list[str]:
    words = []
    for old, factor in zip(before, after, strict=True):
        new = factor.values[len(old) :]
        values = ",".join(new) if new else factor.values[0] if factor.name in exact else "*"
        words.append(f"{factor.name}={values}")
    return words


def _check_likeness(
    split: Split, grown: Split, found: NewcomerPictures, say: Callable[[str], None] | None
) -> None:
    """Raise UserError for pictures that are nothing like those of the run, or only say so."""
    known, space = split.dataset.space, grown.dataset.space
    new = [name for name in known.names if space.sizes[name] > known.sizes[name]]
    likeness = Likeness.of(split, new)
    if say is None:
        likeness.check(found.images, found.names)
    elif reason := likeness.refusal(found.images, found.names):
        say(f"{reason}: added all the same")


def _check_free(folder: Path, run: Run, grown: Split) -> None:
    """Raise UserError unless a new run may be written there; if it is there already, with the command that draws it."""
    space = grown.dataset.space
    whole = all((folder / name).is_file() for name in ("config.yaml", "factors.json"))
    if whole and FactorSpace.read(folder / "factors.json") == space:
        exact = run.config.generator.exact_factors(run.model.generator)
        draw = shlex.join(["gcn-tf", "generate", str(folder), *_words(run.space, space, exact)])
        raise UserError(
            f"{folder} has these values already: {draw} draws them; for another run name another --run-dir"
        )
    check_new_run_dir(folder)


def _folder(run: Run, grown: Split) -> Path:
    """`runs/signs+anna`, of a run `runs/signs`."""
    new = [
        value
        for before, after in zip(run.space, grown.dataset.space, strict=True)
        for value in after.values[len(before) :]
    ]
    place = Path(os.path.realpath(run.folder))
    if len(place.name) + sum(map(len, new)) + len(new) > 200:
        raise UserError("the name of the new run would be too long: give one, --run-dir FOLDER")
    shown = run.folder if run.folder.name else place
    return shown.with_name("+".join([place.name, *new]))


def _write(
    folder: Path, run: Run, config: RunConfig, split: Split, found: NewcomerPictures, model: GCN
) -> None:
    """Write the run directory: pictures of newcomers, settings, factors, checkpoint, SavedModel."""
    images, labels = found.images, found.labels
    if run.config.newcomers:
        before, known = read_newcomers(Path(run.config.newcomers), split.dataset)
        images = np.concatenate([before, images])
        labels = {name: known[name] + labels[name] for name in labels}
    write_pictures(images, labels, folder / NEWCOMERS)
    config = replace(config, newcomers=str(folder / NEWCOMERS))
    own = run.folder / OWN_PICTURES
    if config.manual_dir and os.path.realpath(config.manual_dir) == os.path.realpath(own):
        shutil.copytree(own, folder / OWN_PICTURES)
        config = replace(config, manual_dir=str(folder / OWN_PICTURES))
    grown = with_newcomers(split, found.images, found.labels)
    space = grown.dataset.space
    write_run(config, space, folder)
    identity = Identity.of(config, space, grown)
    store = CheckpointStore(model, folder / "checkpoints", identity, config.total_steps)
    saved = store.save(int(model.step))
    export_model(Run(folder, config, space, model, identity, checkpoint_sha256(saved)), folder / "model")
