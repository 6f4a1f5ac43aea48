from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.studies.newcomers.methods import (
    Extended,
    FullRetraining,
    MeanCell,
    NearestKnownValue,
    OwnPicture,
    Transferred,
    Translation,
    newcomers_methods,
)
from gcn_tf.studies.newcomers.task import Protocol, Task, newcomers_task
from gcn_tf.synthesis.transfer import PictureTransfer


def drawn_by(method, config, task):
    """A method without a network needs no folder."""
    return method.draw(None, config, task, Path("nowhere"))


@pytest.fixture(scope="module")
def flo(people):
    """The one newcomer is flo, who looks like cas; she gives two pictures."""
    made = (newcomers_task(people, Protocol("person", 1, (2,)), 2, seed) for seed in range(40))
    return next(task for task in made if task.values == (5,))


def rows_of(task: Task, base):
    """Rows of base images in all variations."""
    count = len(task.split.ids) // len(task.dataset.images)
    return (np.asarray(base)[:, None] * count + np.arange(count)).ravel()


def same_cell(task, base, person):
    """For each base image that of another person in the same cell."""
    ids = task.dataset.base_ids.copy()
    place = {tuple(cell): n for n, cell in enumerate(ids.tolist())}
    ids[:, 1] = person
    return np.array([place[tuple(cell)] for cell in ids[base].tolist()])


def test_the_nearest_known_value_is_who_looks_like_the_newcomer(toy_config, flo):
    drawn = drawn_by(NearestKnownValue(), toy_config, flo)
    np.testing.assert_array_equal(
        drawn, pixels(flo.split, rows_of(flo, same_cell(flo, flo.wanted, person=2)))
    )


def test_the_nearest_known_value_lends_another_picture_where_it_lacks_the_cell(toy_config, people, flo):
    """The one of its pictures that shares most values; never a picture of a newcomer."""
    lost = same_cell(flo, flo.wanted[:1], person=2)[0]
    kept = np.arange(len(people.images)) != lost
    fewer = replace(people, images=people.images[kept], base_ids=people.base_ids[kept])
    old = np.flatnonzero(kept)
    place = {n: m for m, n in enumerate(old)}
    base, ids = fewer.pictures()
    given, wanted = (np.array([place[n] for n in some]) for some in (flo.given, flo.wanted))
    unseen = np.isin(base, wanted)
    task = Task(replace(flo.split, dataset=fewer, base=base, ids=ids, unseen=unseen), 1, (5,), given, wanted)
    drawn = drawn_by(NearestKnownValue(), toy_config, task)[:1]
    of_cas = np.flatnonzero(fewer.base_ids[:, 1] == 2)
    first = pixels(task.split, rows_of(task, of_cas))[::3]
    chosen = of_cas[np.flatnonzero((first == drawn).all(axis=(1, 2, 3)))]
    assert (fewer.base_ids[chosen[0]] != fewer.base_ids[wanted[0]]).sum() == 2, "the person and one other"


def test_an_own_picture_stays_as_it_is_but_for_the_variation(toy_config, flo):
    drawn = drawn_by(OwnPicture(), toy_config, flo)
    np.testing.assert_array_equal(drawn, pixels(flo.split, rows_of(flo, flo.nearest_given())))


def test_the_mean_cell_is_the_mean_of_all_known_persons(toy_config, flo):
    drawn = drawn_by(MeanCell(), toy_config, flo)
    known = [pixels(flo.split, rows_of(flo, same_cell(flo, flo.wanted, person))) for person in range(5)]
    np.testing.assert_allclose(drawn, np.mean(known, axis=0), atol=0.51)


@pytest.fixture(scope="module")
def writers(toy_config):
    """Ten digits of three writers; one is new and gives two."""
    return newcomers_task(load_dataset(toy_config), Protocol("writer", 1, (2,)), 2, 0)


@pytest.fixture(scope="module")
def base(toy_config, writers, tmp_path_factory):
    """The run of the two others."""
    folder, config = tmp_path_factory.mktemp("base") / "run", replace(toy_config, holdout=("none",))
    shared = Extended.shared
    shared.train(config, writers.known_split(), writers.place, folder)
    return shared.open(config, writers.known_split(), writers.place, folder)


@pytest.mark.slow
def test_the_base_run_knows_no_newcomer_and_extending_it_leaves_it_as_it_is(toy_config, writers, base):
    newcomer = writers.dataset.space["writer"].values[writers.values[0]]
    assert newcomer not in base.space["writer"].values
    assert len(base.space["writer"]) == 2
    before = [np.array(variable) for variable in base.model.all_variables]
    one = Extended().draw(base, toy_config, writers, Path("nowhere"))
    assert one.shape == (len(writers.rows), 28, 28, 3)
    for variable, known in zip(base.model.all_variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), known)
    again = Extended().draw(base, toy_config, writers, Path("nowhere"))
    np.testing.assert_array_equal(one, again)


@pytest.mark.long
def test_what_is_drawn_of_a_newcomer_does_not_depend_on_the_true_pictures(toy_config, writers, base):
    """All methods that draw with the truth blackened give the same."""
    images = writers.dataset.images.copy()
    images[writers.wanted] = 0
    blind = replace(writers, split=replace(writers.split, dataset=replace(writers.dataset, images=images)))
    for method in (NearestKnownValue(), OwnPicture(), MeanCell()):
        np.testing.assert_array_equal(*(drawn_by(method, toy_config, task) for task in (writers, blind)))
    for method in (Extended(), Transferred()):
        shown = [method.draw(base, toy_config, task, Path("nowhere")) for task in (writers, blind)]
        np.testing.assert_array_equal(*shown)


@pytest.mark.long
def test_a_transferred_picture_is_the_wanted_digit_in_the_variation_of_the_given_one(
    toy_config, writers, base
):
    """Drawn by the signature's operations from the given picture of the same newcomer, of which nothing is told."""
    drawn = Transferred().draw(base, toy_config, writers, Path("nowhere"))
    assert drawn.shape == (len(writers.rows), 28, 28, 3)
    row = 5
    given = writers.varied(writers.dataset.images[writers.nearest_given()])[row : row + 1]
    digit = writers.dataset.space["digit"].values[writers.split.ids[writers.rows[row], 0]]
    nothing = {name: np.zeros((1, size), np.float32) for name, size in base.space.sizes.items()}
    wanted = {**nothing, "digit": base.space["digit"].code(digit)[None]}
    np.testing.assert_array_equal(drawn[row], PictureTransfer(base)(given, nothing, wanted).images[0])


@pytest.mark.long
def test_full_retraining_goes_on_with_its_run_and_sees_no_truth(toy_config, writers, tmp_path):
    config = replace(toy_config, holdout=("none",), steps=8)
    drawn = FullRetraining().draw(None, config, writers, tmp_path / "run")
    checkpoint = next((tmp_path / "run" / "checkpoints").glob("step-*.npz"))
    written = checkpoint.stat().st_mtime_ns
    np.testing.assert_array_equal(FullRetraining().draw(None, config, writers, tmp_path / "run"), drawn)
    assert checkpoint.stat().st_mtime_ns == written
    images = writers.dataset.images.copy()
    images[writers.wanted] = 0
    blind = replace(writers, split=replace(writers.split, dataset=replace(writers.dataset, images=images)))
    np.testing.assert_array_equal(FullRetraining().draw(None, config, blind, tmp_path / "blind"), drawn)


def test_every_method_says_what_it_is_and_both_encoder_decoders_are_their_own():
    methods = newcomers_methods()
    assert all(method.meaning for method in methods.values())
    assert [name for name, method in methods.items() if method.shared == Extended.shared] == [
        "extended",
        "transferred",
    ]
    assert Translation.shared != methods["encoder-decoder + critic"].shared
