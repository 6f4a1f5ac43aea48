"""Pictures like those of a run are taken, others are told by their distance: noise, letters among faces, faces upside down."""

from dataclasses import replace

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.newcomers.likeness import Likeness
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.procedural.faces.pictures import draw_faces
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.pipelines.split import undivided
from gcn_tf.pipelines.variations import ink_variations

KNOWN = 12  # writers and persons of the runs


def split_of(images, varied=()):
    """A run of pictures by person and cell: uint8 (persons, cells, H, W, C)."""
    persons, cells = images.shape[:2]
    factors = (
        Factor("person", tuple(map(str, range(persons)))),
        Factor("cell", tuple(map(str, range(cells)))),
        *(variation.factor for variation in varied),
    )
    ids = np.indices((persons, cells)).reshape(2, -1).T.astype(np.int32)
    return undivided(
        Dataset("drawn", FactorSpace(factors), images.reshape(-1, *images.shape[2:]), ids, tuple(varied))
    )


@pytest.fixture(scope="module")
def digits():
    """By 20 writers, uint8 (20, 10, 28, 28, 1)."""
    return draw_glyphs(20)[..., None]


@pytest.fixture(scope="module")
def faces():
    """Of 16 persons, uint8 (16, 3, 32, 32, 3)."""
    return draw_faces(16, ("NE", "HA", "AN"), 1, size=32)[:, :, 0]


@pytest.fixture(scope="module")
def likeness_of(digits, faces):
    """What the pictures of the first persons are like."""
    return {
        name: Likeness.of(split_of(images[:KNOWN]), ["person"])
        for name, images in (("digits", digits), ("faces", faces))
    }


@pytest.fixture(params=["digits", "faces"])
def run(request, likeness_of):
    """What pictures of a run are like, and pictures of persons that it does not know."""
    images = request.getfixturevalue(request.param)
    return likeness_of[request.param], np.concatenate(images[KNOWN:])


def test_pictures_of_other_persons_are_taken(run):
    likeness, others = run
    assert (likeness.distances(others) < likeness.limit).all()
    assert likeness.refusal(others, ["x.png"] * len(others)) is None


def test_noise_plain_pictures_and_negatives_are_refused(run):
    likeness, others = run
    rng = np.random.default_rng(0)
    shape = others.shape[1:]
    noise = rng.integers(0, 256, (5, *shape)).astype(np.uint8)
    gray = np.clip(128 + 40 * rng.standard_normal((5, *shape[:2], 1)) + np.zeros(shape), 0, 255).astype(
        np.uint8
    )
    plain = np.full((3, *shape), [[[[10]]], [[[120]]], [[[250]]]], np.uint8)
    for foreign in (noise, gray, plain, 255 - others):
        assert (likeness.distances(foreign) > likeness.limit).all()


def test_faces_that_lie_or_stand_on_their_heads_are_refused(likeness_of, faces):
    likeness, others = likeness_of["faces"], np.concatenate(faces[KNOWN:])
    for turns in (1, 2, 3):
        turned = np.rot90(others, turns, (1, 2))
        assert (likeness.distances(turned) > likeness.limit).mean() > 0.9


def test_digits_are_no_faces(likeness_of, digits):
    white = np.pad(np.concatenate(digits[:2]), ((0, 0), (2, 2), (2, 2), (0, 0))).repeat(3, axis=3)
    likeness = likeness_of["faces"]
    assert (likeness.distances(white) > likeness.limit).all()
    assert (likeness.distances(255 - white) > likeness.limit).all()


def test_a_picture_in_another_color_is_refused(likeness_of, faces):
    likeness, others = likeness_of["faces"], np.concatenate(faces[KNOWN:])
    green = others.copy()
    green[..., [0, 2]] //= 3
    assert (likeness.distances(green) > likeness.limit).all()


def test_a_sharper_camera_is_no_reason(likeness_of, faces):
    likeness, others = likeness_of["faces"], np.concatenate(faces[KNOWN:]).astype(float)
    blurred = (others + np.roll(others, 1, 1) + np.roll(others, 1, 2) + np.roll(others, (1, 1), (1, 2))) / 4
    assert (likeness.distances(blurred.astype(np.uint8)) < likeness.limit).all()


def test_the_line_names_the_most_unlike_picture_and_both_distances(likeness_of, digits):
    likeness = likeness_of["digits"]
    images = np.stack([digits[15, 3], 255 - digits[15, 3], np.full((28, 28, 1), 99, np.uint8)])
    names = ["good.png", "negative.png", "plain.png"]
    distances = likeness.distances(images)
    worst = names[distances.argmax()]
    line = (
        f"{worst} (and 1 more) is nothing like the pictures of the run (distance {distances.max():.1f}; of its own held-out ones at "
        f"most {likeness.largest:.1f})"
    )
    assert likeness.refusal(images, names) == line
    with pytest.raises(UserError) as error:
        likeness.check(images, names)
    assert str(error.value) == f"{line}: crop or turn it as they are, or --force"
    likeness.check(images[:1], names[:1])


def test_nothing_is_said_where_too_few_pictures_or_values_are_known(digits):
    noise = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype(np.uint8)
    for few in (digits[:1], digits[:3, :3]):
        likeness = Likeness.of(split_of(few), ["person"])
        assert likeness.refusal(noise, ["x.png"] * 4) is None
        assert likeness.distances(noise).tolist() == [0] * 4


def test_two_writers_are_enough_and_others_are_taken(digits):
    likeness = Likeness.of(split_of(digits[:2]), ["person"])
    assert np.isfinite(likeness.limit)
    assert (likeness.distances(np.concatenate(digits[2:])) < likeness.limit).all()


def test_the_fewer_values_are_known_the_farther_lies_the_limit(digits):
    limits = [
        likeness.limit / likeness.largest
        for likeness in (Likeness.of(split_of(digits[:count]), ["person"]) for count in (2, 4, 16))
    ]
    assert limits == sorted(limits, reverse=True)


def test_a_new_value_is_measured_by_values_that_are_left_out(digits):
    stamped = digits[:16].copy()
    for person in range(16):  # everybody has a stamp in a place of one's own
        down, across = 7 * (person % 4), 7 * (person // 4)
        stamped[person, :, down : down + 6, across : across + 6] = 255
    by_person, by_cell, both = (
        Likeness.of(split_of(stamped), names) for names in (["person"], ["cell"], ["cell", "person"])
    )
    assert by_person.scales[0] > 1.3 * by_cell.scales[0]
    np.testing.assert_array_equal(both.scales, np.maximum(by_person.scales, by_cell.scales))


def test_unseen_pictures_do_not_count(digits):
    noise = np.random.default_rng(0).integers(0, 256, (10, 1, 28, 28, 1)).astype(np.uint8)
    split = split_of(np.concatenate([digits[:10], noise], axis=1))
    split = replace(split, unseen=split.ids[:, 1] == 10)
    hidden, alone = Likeness.of(split, ["person"]), Likeness.of(split_of(digits[:10]), ["person"])
    np.testing.assert_array_equal(hidden.distances(noise[:, 0]), alone.distances(noise[:, 0]))
    assert (hidden.distances(noise[:, 0]) > hidden.limit).all()


def test_pictures_as_users_see_them_are_compared_in_all_colors(digits):
    varied = ink_variations(4)
    known, others = split_of(digits[:KNOWN], varied), split_of(digits[KNOWN:], varied)
    likeness = Likeness.of(known, ["person"], varied=True)
    shown = pixels(others, np.arange(0, len(others.ids), 7))
    assert shown.shape[1:] == (28, 28, 3)
    assert (likeness.distances(shown) < likeness.limit).mean() > 0.99
    assert (likeness.distances(255 - shown) > likeness.limit).all()


def test_the_same_distances_every_time_and_whatever_is_beside_them(run):
    likeness, others = run
    together = likeness.distances(others)
    np.testing.assert_array_equal(likeness.distances(others), together)
    np.testing.assert_allclose(likeness.distances(others[3:4]), together[3:4], rtol=1e-6)


def test_rectangles_and_many_pictures_are_compared(digits, monkeypatch):
    monkeypatch.setattr("gcn_tf.newcomers.likeness.MOST_PICTURES", 60)
    wide = np.pad(digits, ((0, 0), (0, 0), (0, 0), (6, 6), (0, 0)))
    likeness = Likeness.of(split_of(wide[:KNOWN]), ["person"])
    others = np.concatenate(wide[KNOWN:])
    assert (likeness.distances(others) < likeness.limit).all()
    assert (likeness.distances(255 - others) > likeness.limit).all()
