import numpy as np
from PIL import Image

from gcn_tf.config.schema import DataConfig
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.registry import load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.reporting.figures import (
    FRAME_COLOR,
    PAPER,
    _of_different_bases,
    real_above_generated,
    tile,
    write_contact_sheet,
    zoomed,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(60, 256, (5, 4, 4, 3)).astype(np.uint8)


def framed_cells(sheet, columns, count, gap=3, side=4):
    frames = []
    for n in range(count):
        top, left = gap + n // columns * (side + gap), gap + n % columns * (side + gap)
        frames.append(tuple(sheet[top - 1, left]) == FRAME_COLOR)
    return frames


def test_tiles_keep_their_pixels_and_frames_stand_around_their_own_cell():
    mask = np.array([True, False, False, True, False])
    sheet = tile(IMAGES, 3, mask)
    assert sheet.shape == (2 * 7 + 3, 3 * 7 + 3, 3)
    np.testing.assert_array_equal(sheet[3:7, 10:14], IMAGES[1])
    np.testing.assert_array_equal(sheet[10:14, 3:7], IMAGES[3])
    assert framed_cells(sheet, 3, 5) == mask.tolist()
    assert tuple(sheet[3, 9]) == (PAPER,) * 3


def test_real_rows_stand_above_their_generated_ones():
    generated = 255 - IMAGES
    mask = np.array([False, False, True, False, True])
    sheet = real_above_generated(IMAGES, generated, 3, mask)
    rows = [sheet[3 + r * 7 :][:4, 3:7] for r in range(4)]
    np.testing.assert_array_equal(rows[0], IMAGES[0])
    np.testing.assert_array_equal(rows[1], generated[0])
    np.testing.assert_array_equal(rows[2], IMAGES[3])
    np.testing.assert_array_equal(rows[3], generated[3])
    assert framed_cells(sheet, 3, 12) == [False] * 5 + [True] + [False] * 4 + [True, False]


def test_zoom_repeats_pixels():
    assert zoomed(IMAGES[0], 3).shape == (12, 12, 3)
    np.testing.assert_array_equal(zoomed(IMAGES[0], 3)[1::3, 2::3], IMAGES[0])


def orange(path):
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return (np.abs(pixels - FRAME_COLOR).sum(axis=-1) < 30).sum()


def test_the_contact_sheet_frames_the_unseen_cells(tmp_path):
    dataset = load_dataset(DataConfig(writers="2"))
    counts = []
    for holdout in (("none",), ("digit=7 writer=1 color=red",), ("digit=7 writer=1",)):
        split = split_dataset(dataset, holdout, 0)
        sheet = write_contact_sheet(split, pixels(split, np.arange(len(split.ids))), tmp_path / "s.png")
        counts.append(orange(sheet))
    assert counts[0] == 0
    assert 2.5 * counts[1] < counts[2] < 3.5 * counts[1]  # four cells, then twelve


def test_the_best_and_the_worst_are_of_different_base_images():
    base = np.array([0, 0, 1, 1, 2, 3])
    order = np.array([1, 0, 3, 2, 4, 5])  # best first
    assert _of_different_bases(order, base, 3).tolist() == [1, 3, 4]
