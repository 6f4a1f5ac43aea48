import numpy as np
import pytest

from gcn_tf import doors
from gcn_tf.config.data import DataConfig
from gcn_tf.errors import UserError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.pipelines.qmnist import grid as handwriting
from gcn_tf.pipelines.qmnist.digits import Digits


@pytest.fixture
def toy_digits(monkeypatch):
    """Three writers who wrote every digit twice, in place of the official files."""
    rng = np.random.default_rng(0)
    digit = np.tile(np.arange(10), 6).astype(np.int32)
    writer = np.repeat([7, 5, 9], 20).astype(np.int32)
    digits = Digits(rng.integers(0, 256, (60, 28, 28)).astype(np.uint8), digit, writer)
    monkeypatch.setattr(
        "gcn_tf.pipelines.qmnist.digits.load_digits", lambda subset, data_dir, manual_dir: digits
    )
    return digits


def test_glyphs_are_the_drawn_digits_of_every_writer():
    dataset = load_dataset(DataConfig.of(writers="3", data_seed=5))
    assert dataset.space.sizes == {"digit": 10, "writer": 3, "color": 3, "rotation": 4}
    drawn = draw_glyphs(3, 28, seed=5)
    row = dataset.base_ids.tolist().index([4, 2])
    np.testing.assert_array_equal(dataset.images[row, ..., 0], drawn[2, 4])


def test_every_picture_has_its_cell_and_its_base_image():
    dataset = load_dataset(DataConfig.of(writers="3"))
    base, ids = dataset.pictures()
    assert len(ids) == 360 == len(np.unique(ids, axis=0))
    np.testing.assert_array_equal(ids[:, :2], dataset.base_ids[base])


def test_qmnist_is_digits_by_writers(toy_digits):
    dataset = load_dataset(DataConfig.of(dataset="qmnist", writers="2"))
    assert dataset.space["writer"].values == ("5", "7")
    assert dataset.space.sizes == {"digit": 10, "writer": 2, "color": 3, "rotation": 4}
    expected = handwriting.writer_grid(toy_digits, 2)[1]
    np.testing.assert_array_equal(dataset.images[..., 0], expected)
    more = load_dataset(DataConfig.of(dataset="qmnist", writers="9,5", exemplars=2))
    assert more.space.sizes == {"digit": 10, "writer": 2, "exemplar": 2, "color": 3, "rotation": 4}
    assert more.space["writer"].values == ("9", "5")


def test_repeats_are_other_pictures_of_the_same_cells(toy_digits):
    dataset = load_dataset(DataConfig.of(dataset="qmnist", writers="2"))
    images, ids = dataset.repeats
    assert len(images) == 20  # every digit of both writers was written once more
    for image, (digit, writer) in zip(images[..., 0], ids, strict=True):
        hand = int(dataset.space["writer"].values[writer])
        rows = np.flatnonzero((toy_digits.digit == digit) & (toy_digits.writer == hand))
        np.testing.assert_array_equal(image, toy_digits.images[rows[1]])
    drawn, ids = load_dataset(DataConfig.of(writers="3")).repeats
    assert len(drawn) == 4 * 30
    np.testing.assert_array_equal(drawn[ids.tolist().index([4, 2]), ..., 0], draw_glyphs(3, session=1)[2, 4])


def test_exemplars_and_styles_have_no_repeats(toy_digits):
    assert load_dataset(DataConfig.of(dataset="qmnist", writers="2", exemplars=2)).repeats is None
    assert load_dataset(DataConfig.of(dataset="mnist-style", writers="4")).repeats is None


def test_mnist_style_has_styles_and_six_transformations(toy_digits):
    dataset = load_dataset(DataConfig.of(dataset="mnist-style", writers="4"))
    assert dataset.space.sizes == {"digit": 10, "style": 4, "color": 3, "transformation": 6}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: DataConfig.of(dataset="qmnst"), "did you mean qmnist"),
        (lambda: DataConfig.of(dataset="qmnist/trian"), "qmnist/test10k, qmnist/test, qmnist/train"),
        (lambda: DataConfig.of(dataset="glyphs/train"), "it has no subsets"),
        (lambda: DataConfig.of(dataset="qmnist", image_size=32), "--image-size 32"),
        (lambda: DataConfig.of(writers="115,203"), "procedural writers have no ids"),
    ],
)
def test_a_wrong_name_is_named_with_the_right_ones(make, message):
    with pytest.raises(UserError, match=message):
        load_dataset(make())


def test_every_dataset_says_what_it_needs():
    assert set(doors.DATASETS) == {
        "glyphs",
        "qmnist",
        "mnist-style",
        "faces",
        "kdef",
        "mmi",
        "folder",
        "tfds",
    }
    kinds = {name: doors.find(place) for name, place in doors.DATASETS.items()}
    assert all(kind.grid and kind.needs for kind in kinds.values())
    assert [name for name, kind in kinds.items() if not kind.possible_factors] == ["folder", "tfds"]
