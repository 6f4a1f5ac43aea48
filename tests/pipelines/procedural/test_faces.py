"""Drawn faces: they are faces, with these emotions, of these persons, always the same."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.feature import hog
from sklearn.svm import LinearSVC

from gcn_tf.errors import UserError
from gcn_tf.pipelines.kdef.pictures import load_kdef
from gcn_tf.pipelines.photographs.crops import find_face
from gcn_tf.pipelines.procedural.faces.drawing import draw
from gcn_tf.pipelines.procedural.faces.emotions import EMOTIONS, EXPRESSIONS, Expression
from gcn_tf.pipelines.procedural.faces.persons import Person, Shot
from gcn_tf.pipelines.procedural.faces.pictures import (
    KDEF_EYES,
    KDEF_QUALITY,
    KDEF_SIZE,
    KDEF_UNIT,
    draw_face,
    draw_faces,
    kdef_persons,
    write_kdef,
)

PERSONS = 28


@pytest.fixture(scope="module")
def faces():
    return draw_faces(PERSONS, size=64)  # (28, 7, 2, 64, 64, 3)


def gradients(images):
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images.reshape(-1, 64, 64, 3)]
    return np.array([hog(image, pixels_per_cell=(8, 8), cells_per_block=(2, 2)) for image in grey])


@pytest.mark.long
def test_another_classifier_recognises_the_emotion_of_persons_it_never_saw(faces):
    features = gradients(faces).reshape(PERSONS, 14, -1)
    emotion = np.tile(np.repeat(np.arange(7), 2), (PERSONS // 2, 1)).ravel()
    known, others = features[::2].reshape(len(emotion), -1), features[1::2].reshape(len(emotion), -1)
    read = LinearSVC(C=0.1).fit(known, emotion).predict(others)
    assert (read == emotion).mean() >= 0.9


@pytest.mark.long
def test_persons_are_classified_correctly_in_another_session(faces):
    flat = faces.astype(np.float32).reshape(PERSONS, 7, 2, -1)
    known, asked = flat[:, :, 0].mean(axis=1), flat[:, 4, 1]  # all of session A; neutral of session B
    distance = ((asked[:, None] - known[None]) ** 2).sum(axis=-1)
    assert (distance.argmin(axis=1) == np.arange(PERSONS)).mean() >= 0.9


def test_the_same_seed_draws_the_same_faces_and_another_seed_others(faces):
    again = draw_faces(2, size=64)
    np.testing.assert_array_equal(again, faces[:2])
    assert not np.array_equal(draw_faces(1, ("NE",), 1, seed=1), faces[:1, 4:5, :1])


def test_a_larger_picture_shows_the_same_face(faces):
    large = draw_face(Person.draw(0, 3), "HA", 0, 256)
    small = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - faces[3, 3, 0]).mean() < 3


def test_sessions_and_takes_change_a_picture_a_little(faces):
    takes = draw_faces(4, ("NE",), 1, take=1)[:, 0, 0].astype(float)
    first, session = faces[:4, 4, 0].astype(float), faces[:4, 4, 1].astype(float)
    other_person = np.abs(first - np.roll(first, 1, axis=0)).mean()
    for changed in (takes, session):
        assert 1 < np.abs(changed - first).mean() < 0.6 * other_person


def test_an_expression_grows_with_its_strength():
    assert EXPRESSIONS["NE"] == Expression()
    half = EXPRESSIONS["SU"].scaled(0.5)
    assert half.jaw_down == 0.5 * EXPRESSIONS["SU"].jaw_down
    person = Person.draw(0, 0)
    assert person.expression("NE") == Expression()
    assert Shot.draw(person, "HA", 0) == Shot.draw(person, "HA", 0) != Shot.draw(person, "HA", 1)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: draw_faces(0), "--persons 0"),
        (lambda: draw_faces(1, size=31), "--image-size 31"),
        (lambda: draw_faces(1, sessions=0), "--sessions 0"),
        (lambda: draw_faces(1, ("XX",)), "'XX' is unknown"),
        (lambda: Person.draw(-1, 0), "neither may be negative"),
        (lambda: write_kdef(None, 71), "give 1 to 70"),
    ],
)
def test_what_cannot_be_drawn_is_named(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_kdef_numbers_women_and_men_apart():
    named = dict(kdef_persons(70, 0))
    assert sorted(named) == [f"{sex}{n:02d}" for sex in "FM" for n in range(1, 36)]
    assert all(person.female == (name[0] == "F") for name, person in named.items())


@pytest.mark.slow
def test_files_in_kdefs_layout_are_read_end_to_end(kdef_files, tmp_path):
    assert Image.open(next(kdef_files.glob("KDEF/A*/A*NES.JPG"))).size == (562, 762)
    pictures = load_kdef(64, tmp_path, kdef_files)
    assert pictures.images.shape == (18, 64, 64, 3)
    assert set(pictures.emotion) == {"NE", "HA", "SU"}
    assert len(pictures.no_face) <= 2
    assert not pictures.bad
    # The crop shows what the package draws at this size at once, up to where the detector puts the square.
    named = dict(kdef_persons(3, 0))
    rows = np.flatnonzero((pictures.emotion == "NE") & (pictures.session == "A"))
    direct = {name: draw_face(person, "NE", 0, 64).astype(float) for name, person in named.items()}
    for row in rows:
        error = {name: np.abs(pictures.images[row] - image).mean() for name, image in direct.items()}
        assert min(error, key=error.get) == pictures.person[row]


def test_a_face_is_found_inside_its_hair():
    """Of this picture the cascade sees the face, surely, and, larger but less surely, the head with its hair."""
    person = dict(kdef_persons(4, 0))["M01"]
    image = draw(person, person.expression("NE"), Shot.draw(person, "NE", 0), KDEF_SIZE, KDEF_EYES, KDEF_UNIT)
    Image.fromarray(image).save(stored := io.BytesIO(), "JPEG", quality=KDEF_QUALITY)
    box = find_face(np.asarray(Image.open(stored)))
    assert box.width < 2.5 * KDEF_UNIT


@pytest.mark.long
def test_the_detector_finds_nearly_all_drawn_faces():
    """At half of KDEF's size: the detector looks at pictures of 200 pixels anyway."""
    size, eyes, unit = tuple(n // 2 for n in KDEF_SIZE), tuple(n / 2 for n in KDEF_EYES), KDEF_UNIT / 2
    found = []
    for number in range(30):
        person = Person.draw(1, number)
        for emotion in EMOTIONS:
            shot = Shot.draw(person, emotion, number % 2)
            image = draw(person, person.expression(emotion), shot, size, eyes, unit)
            found.append(find_face(image) is not None)
    assert np.mean(found) >= 0.95
