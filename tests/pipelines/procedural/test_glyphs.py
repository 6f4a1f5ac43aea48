"""Drawn digits: one hand per writer, readable by a reader who has never seen that hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gcn_tf.pipelines.procedural.glyphs import WriterStyle, draw_digit, draw_glyphs

WRITERS = 400


@pytest.fixture(scope="module")
def glyphs() -> NDArray[np.uint8]:
    return draw_glyphs(WRITERS)


def ink_box(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the ink, the ends exclusive."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def measured_slant(image: NDArray[np.uint8]) -> float:
    """Shear of the ink from its second moments, in columns per row, positive to the right."""
    ink = image.astype(float) / image.sum()
    y, x = np.indices(image.shape)
    x, y = x - (ink * x).sum(), y - (ink * y).sum()
    return float(-(ink * x * y).sum() / (ink * y * y).sum())


def features(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Blurred, halved, unit-length images, so that a shift by one pixel changes little."""
    padded = np.pad(images.reshape(-1, 28, 28) / 255, ((0, 0), (1, 1), (1, 1)))
    taps = [(i, j, (2 - abs(i - 1)) * (2 - abs(j - 1))) for i in range(3) for j in range(3)]
    blurred = sum((weight * padded[:, i : i + 28, j : j + 28] for i, j, weight in taps), np.zeros(()))
    halved = blurred.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(padded), -1)
    return np.asarray(halved / np.linalg.norm(halved, axis=1, keepdims=True))


def read(known: NDArray[np.uint8], unknown: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Kernel ridge regression on digits of known writers; returns the digits it reads in unknown writers."""
    train, test = features(known), features(unknown)
    targets = np.tile(2 * np.eye(10) - 1, (len(known), 1))
    kernel = np.exp(-4 * (1 - train @ train.T)) + 1e-3 * np.eye(len(train))
    scores = np.exp(-4 * (1 - test @ train.T)) @ np.linalg.solve(kernel, targets)
    return np.asarray(scores.argmax(axis=1).reshape(len(unknown), 10))


def test_images_are_white_ink_on_black_in_bytes(glyphs: NDArray[np.uint8]) -> None:
    assert glyphs.shape == (WRITERS, 10, 28, 28)
    assert glyphs.dtype == np.uint8
    assert draw_glyphs(2, size=41).shape == (2, 10, 41, 41)
    assert (glyphs.max(axis=(2, 3)) == 255).all()
    assert 0.07 < glyphs.mean() / 255 < 0.16, "MNIST has 0.13"


def test_another_session_is_the_same_hand_writing_again(glyphs: NDArray[np.uint8]) -> None:
    again = draw_glyphs(4, session=1)
    assert (again != glyphs[:4]).any(axis=(2, 3)).all()
    own = np.abs(again.astype(float) - glyphs[:4]).mean()
    other = np.abs(again.astype(float) - np.roll(glyphs[:4], 1, axis=0)).mean()
    assert own < 0.8 * other
    np.testing.assert_array_equal(draw_glyphs(4, session=0), glyphs[:4])
    with pytest.raises(ValueError, match="session -1"):
        draw_glyphs(2, session=-1)


def test_edges_are_grey(glyphs: NDArray[np.uint8]) -> None:
    grey = ((glyphs > 0) & (glyphs < 255)).sum(axis=(2, 3))
    assert grey.min() >= 20
    assert len(np.unique(glyphs)) == 256


def test_drawing_twice_gives_the_same_pixels() -> None:
    np.testing.assert_array_equal(draw_glyphs(3, seed=5), draw_glyphs(3, seed=5))


def test_a_writer_keeps_the_hand_when_more_writers_are_drawn() -> None:
    np.testing.assert_array_equal(draw_glyphs(5)[:3], draw_glyphs(3))


def test_a_single_digit_is_the_one_in_the_set(glyphs: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(draw_digit(7, WriterStyle.draw(0, 4)), glyphs[4, 7])


def test_another_seed_gives_other_writers(glyphs: NDArray[np.uint8]) -> None:
    other = draw_glyphs(4, seed=1)
    assert (other != glyphs[:4]).any(axis=(2, 3)).all()
    assert WriterStyle.draw(1, 0).aspect != WriterStyle.draw(0, 0).aspect


def test_digits_are_framed_like_mnist(glyphs: NDArray[np.uint8]) -> None:
    boxes = np.array([ink_box(image) for image in glyphs.reshape(-1, 28, 28)])
    top, bottom, left, right = boxes.T
    assert min(top.min(), left.min()) >= 2
    assert max(bottom.max(), right.max()) <= 26
    longer = np.maximum(bottom - top, right - left)
    assert longer.min() >= 15
    assert longer.max() <= 22
    assert np.abs((top + bottom) / 2 - 14).max() <= 2
    assert np.abs((left + right) / 2 - 14).max() <= 2


@pytest.mark.parametrize("scale", [2, 3])
def test_a_larger_image_is_the_same_picture(glyphs: NDArray[np.uint8], scale: int) -> None:
    large = draw_glyphs(6, size=28 * scale).astype(float)
    shrunk = large.reshape(6, 10, 28, scale, 28, scale).mean(axis=(3, 5))
    difference = np.abs(shrunk - glyphs[:6])
    assert difference.mean(axis=(2, 3)).max() < 2, "grey levels of 255, in the worst picture"
    # Single pixels in the corner between two strokes differ: neither stroke alone covers half of them.
    assert np.percentile(difference, 99) < 16


def test_two_writers_are_two_hands(glyphs: NDArray[np.uint8]) -> None:
    """Two writers differ more than one writer who writes everything a second time, for every digit."""
    hands = [WriterStyle.draw(0, writer) for writer in range(40)]
    again = np.stack([[draw_digit(d, replace(hand, seed=99)) for d in range(10)] for hand in hands])
    first = glyphs[:40].astype(float) / 255
    within = np.abs(first - again / 255).mean(axis=(0, 2, 3))
    pairs = np.abs(first[:, None] - first[None]).mean(axis=(3, 4))
    between = pairs[~np.eye(40, dtype=bool)].mean(axis=0)
    assert between.min() > 0.06, "for comparison, all ink of a picture is 0.1"
    assert pairs[~np.eye(40, dtype=bool)].mean(axis=1).min() > 0.04, "the two most similar hands"
    assert (between > 1.3 * within).all()


def test_a_writer_slants_all_digits_alike(glyphs: NDArray[np.uint8]) -> None:
    slants = np.array([[measured_slant(image) for image in digits] for digits in glyphs[:60]])
    slants -= slants.mean(axis=0)
    wanted = [np.tan(np.radians(WriterStyle.draw(0, writer).slant_degrees)) for writer in range(60)]
    assert np.corrcoef(slants.mean(axis=1), wanted)[0, 1] > 0.9
    assert slants.mean(axis=1).std() > 2 * slants.std(axis=1).mean()


def test_a_heavier_pen_leaves_more_ink() -> None:
    style = WriterStyle.draw(0, 0)
    light, heavy = (draw_digit(3, replace(style, weight=weight)).sum(dtype=int) for weight in (1.5, 3.0))
    assert heavy > 1.5 * light


@pytest.mark.parametrize(
    "digit, habit, values",
    [
        (0, "zero_width", (0.75, 1.1)),
        (1, "one_flag", (0.0, 0.3)),
        (1, "one_foot", (False, True)),
        (2, "two_looped", (False, True)),
        (3, "three_flat", (False, True)),
        (4, "four_open", (False, True)),
        (5, "five_gap", (0.0, 0.1)),
        (6, "six_bend", (0.0, 1.0)),
        (7, "seven_bar", (False, True)),
        (7, "seven_serif", (False, True)),
        (7, "seven_bend", (0.0, 1.0)),
        (8, "eight_rings", (False, True)),
        (9, "nine_straight", (False, True)),
    ],
)
def test_a_habit_changes_its_digit_and_no_other(digit: int, habit: str, values: tuple[Any, Any]) -> None:
    style = replace(WriterStyle.draw(0, 1), one_flag=0.2)
    first, second = (replace(style, **{habit: value}) for value in values)
    changed = [d for d in range(10) if (draw_digit(d, first) != draw_digit(d, second)).any()]
    assert changed == [digit]


@pytest.mark.parametrize("writers", [100, 200, 400])
def test_digits_of_unknown_writers_are_readable(glyphs: NDArray[np.uint8], writers: int) -> None:
    half = writers // 2
    right = read(glyphs[:half], glyphs[half:writers]) == np.arange(10)
    assert right.mean() >= 0.97
    assert right.mean(axis=0).min() >= 0.9, "every digit is readable, not only most of them"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: draw_glyphs(0), "writers 0: give 1 or more"),
        (lambda: draw_glyphs(1, size=27), "size 27: .* give 28 or more"),
        (lambda: draw_glyphs(1, seed=-1), "seed -1, writer 0: .* give 0 or more"),
        (lambda: draw_digit(10, WriterStyle.draw(0, 0)), "digit 10: .* give 0 to 9"),
        (lambda: draw_digit(1, WriterStyle.draw(0, 0), size=0), "size 0: .* give 28 or more"),
    ],
)
def test_errors_name_the_value_and_the_remedy(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
