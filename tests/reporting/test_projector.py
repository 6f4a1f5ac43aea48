import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from gcn_tf.reporting import projector
from gcn_tf.reporting.projector import CONFIG, LARGEST_SPRITE, Points, sprite, write_projector


def points(count, side=28, size=5):
    rng = np.random.default_rng(count)
    pictures = rng.integers(0, 256, (count, side, side, 3)).astype(np.uint8)
    return Points([f"value {n}" for n in range(count)], rng.normal(size=(count, size)), pictures)


def test_the_projector_finds_vectors_names_and_thumbnails(tmp_path):
    odd = Points(["a\tb", "", "ü"], np.eye(3), points(3).pictures)
    sets = {"digit": points(10), "who / what": odd}
    write_projector(sets, tmp_path, "codes")
    config = text_format.Parse((tmp_path / CONFIG).read_text(), ProjectorConfig())
    assert [entry.tensor_name for entry in config.embeddings] == list(sets)
    for entry, one in zip(config.embeddings, sets.values(), strict=True):
        vectors = np.loadtxt(tmp_path / entry.tensor_path, delimiter="\t")
        np.testing.assert_allclose(vectors, one.vectors, rtol=1e-4)
        assert tuple(entry.tensor_shape) == vectors.shape
        picture = np.asarray(Image.open(tmp_path / entry.sprite.image_path))
        width, height = entry.sprite.single_image_dim
        across = picture.shape[1] // width  # as TensorBoard counts them
        for n, wanted in enumerate(one.pictures):
            top, left = n // across * height, n % across * width
            np.testing.assert_array_equal(picture[top : top + height, left : left + width], wanted)
    names = (tmp_path / config.embeddings[1].metadata_path).read_text(encoding="utf-8")
    assert names == "a b\n-\nü\n", "a line per point, whatever is in a name"


@pytest.mark.parametrize(("count", "side"), [(1, 28), (7, 200), (2_500, 28)])
def test_thumbnails_stay_within_their_bound(count, side):
    pictures = np.full((count, side, side // 2, 3), 200, np.uint8)
    picture, (width, height) = sprite(pictures)
    assert max(picture.shape) <= LARGEST_SPRITE
    assert max(width, height) <= projector.LARGEST_THUMBNAIL
    assert picture.shape[0] // height * (picture.shape[1] // width) >= count
    assert (picture[:height, :width] == 200).all()


def test_of_thousands_of_values_some_are_shown(tmp_path):
    many = points(6_000, side=4, size=2)
    write_projector({"writer": many}, tmp_path, "codes")
    (entry,) = text_format.Parse((tmp_path / CONFIG).read_text(), ProjectorConfig()).embeddings
    names = (tmp_path / entry.metadata_path).read_text().splitlines()
    assert len(names) == entry.tensor_shape[0] == projector.MOST_POINTS
    assert (names[0], names[-1]) == ("value 0", "value 5999")
    vectors = np.loadtxt(tmp_path / entry.tensor_path, delimiter="\t")
    np.testing.assert_allclose(vectors[-1], many.vectors[-1], rtol=1e-4)


def test_grey_pictures_have_grey_thumbnails():
    grey = points(5).pictures[..., :1]
    np.testing.assert_array_equal(sprite(grey)[0], sprite(grey.repeat(3, axis=3))[0])
