"""Grids of handwriting: which writers and samples are taken, in which order, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.pipelines.qmnist.digits import Digits, load_digits
from gcn_tf.pipelines.qmnist.grid import style_grid, writer_grid

REAL = os.environ.get("GCN_TF_QMNIST_DIR", "")


def hands(*written: tuple[int, int, int], order_seed: int = 0) -> Digits:
    """Digits by (writer, digit, how often), shuffled; every image holds its row number."""
    rows = np.array([(writer, digit) for writer, digit, often in written for _ in range(often)])
    rows = np.random.default_rng(order_seed).permutation(rows).astype(np.int32)
    images = np.zeros((len(rows), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(rows)), 256)
    return Digits(images, rows[:, 1], rows[:, 0])


def all_digits(writer: int, often: int) -> list[tuple[int, int, int]]:
    return [(writer, digit, often) for digit in range(10)]


def taken_rows(images: np.ndarray) -> np.ndarray:
    return images[:, 0, 0].astype(int) * 256 + images[:, 0, 1]


@pytest.fixture
def digits():
    """30 has 20, 4 and 17 have 30 each, 8 has 41; 99 has most but never wrote a 7."""
    lacks_seven = [(99, digit, 9) for digit in range(10) if digit != 7]
    return hands(
        *all_digits(30, 2), *all_digits(17, 3), *all_digits(4, 3), *all_digits(8, 4), (8, 5, 1), *lacks_seven
    )


def test_writers_come_in_order_of_what_they_wrote_the_lower_id_first_when_equal(digits):
    space, _, _ = writer_grid(digits, writers=4)
    assert space.names == ("digit", "writer")
    assert space["digit"].values == tuple("0123456789")
    assert space["writer"].values == ("8", "4", "17", "30")
    assert writer_grid(digits, writers=np.int64(2))[0]["writer"].values == ("8", "4")


def test_every_cell_shows_its_digit_and_writer_first_in_file_order(digits):
    space, images, ids = writer_grid(digits, writers=3)
    assert (images.shape, images.dtype) == ((30, 28, 28), np.uint8)
    assert (ids.shape, ids.dtype) == ((30, 2), np.int32)
    np.testing.assert_array_equal(ids, space.cells())
    for row, (digit, writer) in zip(taken_rows(images), ids, strict=True):
        hand = int(space["writer"].values[writer])
        assert row == np.flatnonzero((digits.digit == digit) & (digits.writer == hand))[0]


def test_exemplars_are_a_third_factor_numbered_in_file_order(digits):
    space, images, ids = writer_grid(digits, writers=3, exemplars=3)
    assert space.sizes == {"digit": 10, "writer": 3, "exemplar": 3}
    assert space["exemplar"].values == ("1", "2", "3")
    np.testing.assert_array_equal(ids, space.cells())
    for row, (digit, writer, exemplar) in zip(taken_rows(images), ids, strict=True):
        hand = int(space["writer"].values[writer])
        assert row == np.flatnonzero((digits.digit == digit) & (digits.writer == hand))[exemplar]


def test_named_writers_are_taken_in_the_order_given(digits):
    space, images, ids = writer_grid(digits, writers=[30, 8], exemplars=2)
    assert space["writer"].values == ("30", "8")
    np.testing.assert_array_equal(digits.writer[taken_rows(images)], np.array([30, 8])[ids[:, 1]])
    np.testing.assert_array_equal(digits.digit[taken_rows(images)], ids[:, 0])


@pytest.mark.parametrize(
    "writers, exemplars, message",
    [
        (
            5,
            1,
            "--writers 5: only 4 of 5 writers have 1 or more pictures of every digit: give fewer writers$",
        ),
        (3, 4, "--writers 3: only 1 of 5 writers have 4 or more .*: give fewer writers or --exemplars"),
        (0, 1, "--writers 0: give at least 1"),
        (-2, 1, "--writers -2: give at least 1"),
        (3, 0, "--exemplars 0: give at least 1"),
        ([], 1, "--writers is empty"),
        ([8, 4, 8], 1, "--writers names writer 8 twice"),
        ([8, 5], 1, "no digits by writer 5; the nearest of 5 ids are 4, 8, 17"),
        ([99], 1, "--writers: 99 has 0 pictures of digit 7, 1 needed: choose another$"),
        ([30], 3, "--writers: 30 has 2 pictures of digit 0, 3 needed: choose another or lower --exemplars"),
    ],
)
def test_writers_that_cannot_be_had_are_refused_with_the_reason(writers, exemplars, message, digits):
    with pytest.raises(UserError, match=message):
        writer_grid(digits, writers, exemplars)


def test_style_n_is_the_nth_sample_of_a_digit_by_anyone(digits):
    space, images, ids = style_grid(digits, styles=5)
    assert space.names == ("digit", "style")
    assert space["style"].values == ("1", "2", "3", "4", "5")
    np.testing.assert_array_equal(ids, space.cells())
    for row, (digit, style) in zip(taken_rows(images), ids, strict=True):
        assert row == np.flatnonzero(digits.digit == digit)[style]


@pytest.mark.parametrize(
    "styles, message",
    [
        (13, "13 styles: there are only 12 samples of digit 7, give at most 12"),
        (0, "0 styles: give at least 1"),
        (-1, "-1 styles: give at least 1"),
    ],
)
def test_styles_that_cannot_be_had_are_refused_with_the_reason(styles, message, digits):
    assert len(style_grid(digits, 12)[1]) == 120
    with pytest.raises(UserError, match=message):
        style_grid(digits, styles)


def test_no_digits_at_all_are_refused():
    nothing = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int32), np.zeros(0, np.int32))
    with pytest.raises(UserError, match="only 0 of 0 writers"):
        writer_grid(nothing)
    with pytest.raises(UserError, match="no digits by writer 3; the nearest of 0 ids"):
        writer_grid(nothing, [3])
    with pytest.raises(UserError, match="only 0 samples"):
        style_grid(nothing)


def test_grids_need_no_tensorflow():
    code = "import sys, gcn_tf.pipelines.qmnist.grid; sys.exit('tensorflow' in sys.modules)"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.skipif(not REAL, reason="GCN_TF_QMNIST_DIR (official files) is unset")
def test_the_writers_of_the_official_test10k(tmp_path):
    digits = load_digits("test10k", tmp_path, Path(REAL))
    space, images, _ = writer_grid(digits)
    top_ten = [int(writer) for writer in space["writer"].values]
    assert top_ten == [335, 347, 343, 329, 332, 337, 360, 355, 344, 353]
    counts = [int((digits.writer == writer).sum()) for writer in top_ten]
    assert counts == [130, 130, 129, 128, 128, 128, 127, 126, 125, 124]
    assert images.shape == (100, 28, 28)
    assert len(writer_grid(digits, 124)[1]) == 1240
    with pytest.raises(UserError, match="only 124 of 297 writers"):
        writer_grid(digits, 125)
    with pytest.raises(UserError, match="only 892 samples of digit 5"):
        style_grid(digits, 893)
