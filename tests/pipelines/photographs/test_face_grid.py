import numpy as np
import pytest

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import UserError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.photographs.face_settings import AUTHORS_DROPPED, choose_persons, parse_emotions
from gcn_tf.pipelines.photographs.grid import face_grid
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures

SEVENTY = [f"{sex}{n:02d}" for sex in "MF" for n in range(1, 36)]


def pictures(cells, side=4):
    """A picture for every (person, emotion, session, view), filled with its row number."""
    columns = [np.array(column) for column in zip(*cells, strict=True)]
    images = np.arange(len(cells), dtype=np.uint8)[:, None, None, None] * np.ones((side, side, 3), np.uint8)
    return FacePictures(images, *columns)


WHOLE = pictures([(p, e, s, "S") for p in ("M02", "F01", "M01") for e in ("NE", "HA", "SU") for s in "AB"])


def test_every_cell_has_its_own_picture():
    (space, images, ids), repeats = face_grid(WHOLE, "all", "NE,HA", "A,B")
    assert space.names == ("person", "emotion", "session")
    assert space["person"].values == ("M01", "M02", "F01")  # men first, as in the authors' index
    assert space["emotion"].values == ("NE", "HA")
    assert repeats is None
    for image, (person, emotion, session) in zip(images, ids, strict=True):
        row = image[0, 0, 0]
        assert WHOLE.person[row] == space["person"].values[person]
        assert WHOLE.emotion[row] == space["emotion"].values[emotion]
        assert WHOLE.session[row] == space["session"].values[session]


def test_of_a_single_session_the_others_are_repeats():
    (space, images, ids), repeats = face_grid(WHOLE, "M01,F01", "NE,HA", "B")
    assert space.names == ("person", "emotion")
    assert len(images) == 4
    again, again_ids = repeats
    assert len(again) == 4
    assert sorted(map(tuple, again_ids.tolist())) == sorted(map(tuple, ids.tolist()))
    assert set(WHOLE.session[again[:, 0, 0, 0]]) == {"A"}


def test_a_missing_picture_leaves_its_cell_empty():
    rows = [(p, e, "A", "S") for p in ("M01", "M02") for e in ("NE", "HA")][:3]
    (_, images, ids), _ = face_grid(pictures(rows), "all", "NE,HA", "A")
    assert len(images) == 3
    assert [1, 1] not in ids.tolist()


def test_several_views_are_a_factor():
    rows = [("M01", e, "A", v) for e in ("NE", "HA") for v in ("HL", "S", "HR")]
    (space, images, _), _ = face_grid(pictures(rows), "all", "NE,HA", "A")
    assert space["view"].values == ("HL", "S", "HR")
    assert len(images) == 6


def test_the_authors_keep_sixty_five_persons():
    chosen = choose_persons("authors-65", SEVENTY)
    assert len(chosen) == 65
    assert (
        set(SEVENTY) - set(chosen)
        == {SEVENTY[i] for i in AUTHORS_DROPPED}
        == {"M19", "M20", "M26", "F08", "F18"}
    )
    assert choose_persons("3", SEVENTY) == ("M01", "M02", "M03")
    assert choose_persons("F02,M01", SEVENTY) == ("F02", "M01")


def test_of_fewer_than_kdefs_persons_authors_65_takes_all():
    assert choose_persons("authors-65", SEVENTY[:60]) == tuple(SEVENTY[:60])


def test_the_named_sets_of_emotions_are_the_published_ones():
    assert parse_emotions("paper-4") == ("NE", "DI", "HA", "SU")
    assert parse_emotions("authors-5") == ("NE", "DI", "HA", "AN", "SA")
    assert len(parse_emotions("all-7")) == 7


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: choose_persons("71", SEVENTY), "give 1 to 70"),
        (lambda: choose_persons("F1", SEVENTY), "did you mean F"),
        (lambda: choose_persons("F01,F01", SEVENTY), "each once"),
        (lambda: parse_emotions("NE,HAPPY"), "'HAPPY' is unknown"),
        (lambda: parse_emotions("NE,NE"), "each once"),
        (lambda: parse_emotions(""), "at least one"),
        (lambda: face_grid(WHOLE, "all", "NE", "C"), "no picture of session 'C', there are A, B"),
        (lambda: face_grid(WHOLE, "all", "NE,AN", "A"), "no picture with emotion AN"),
        (
            lambda: load_dataset(DataConfig.of(dataset="faces", persons="F01,F02")),
            "procedural persons have no ids",
        ),
        (
            lambda: load_dataset(DataConfig.of(dataset="faces", writers="5")),
            "writers: the dataset faces has no",
        ),
        (
            lambda: load_dataset(DataConfig.of(persons="5")),
            "persons: the dataset glyphs has no such setting",
        ),
        (
            lambda: load_dataset(DataConfig.of(dataset="kdef", image_size=64, data_dir="/nowhere")),
            "manual-dir",
        ),
    ],
)
def test_a_wrong_choice_is_named_with_the_remedy(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_drawn_faces_have_sessions_rotations_and_repeats():
    dataset = load_dataset(DataConfig.of(dataset="faces", persons="2", emotions="NE,SU", image_size=32))
    assert dataset.space.sizes == {"person": 2, "emotion": 2, "session": 2, "rotation": 4}
    assert dataset.images.shape == (8, 32, 32, 3)
    assert dataset.repeats[0].shape == (16, 32, 32, 3)
    np.testing.assert_array_equal(dataset.repeats[1], np.tile(dataset.base_ids, (2, 1)))
    single = DataConfig.of(
        dataset="faces", persons="2", emotions="NE,SU", sessions="A", transformations=8, image_size=32
    )
    assert load_dataset(single).space.sizes == {"person": 2, "emotion": 2, "transformation": 8}
