"""Pictures that are varied: what moves, what is mixed, and that nothing is varied without being asked."""

import numpy as np
import pytest

from gcn_tf.augmentation.moves import Moves
from gcn_tf.model.references.poses import NUMBERS
from gcn_tf.studies.new_classes.variation import BATCH, CHUNK, Strength, Variation

NOT_AT_ALL = Strength()


def variation(strength=NOT_AT_ALL, further="", moves=None, seed=0):
    return Variation(strength, moves, further, np.random.default_rng(seed))


@pytest.fixture
def bars():
    """A vertical bar, 64 times: float32 (64, 28, 28, 1)."""
    images = np.zeros((64, 28, 28, 1), np.float32)
    images[:, 6:22, 13:15] = 1
    return images


def middles(images):
    """Columns of the middle of the ink: (N,)."""
    ink = images.sum(axis=(1, 3))
    return (ink * np.arange(ink.shape[1])).sum(axis=1) / ink.sum(axis=1)


def test_without_strength_nothing_changes(bars):
    assert variation().varied(bars) is bars


@pytest.mark.parametrize("strength", [Strength(affine=1.0), Strength(elastic=1.0)])
def test_every_picture_is_varied_by_itself(bars, strength):
    made = variation(strength).varied(bars)
    assert made.shape == bars.shape
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-6
    assert len(np.unique(made.reshape(64, -1), axis=0)) == 64


def test_light_changes_contrast_and_brightness_and_moves_nothing(bars):
    made = variation(Strength(light=1.0)).varied(0.25 + 0.5 * bars)
    np.testing.assert_allclose(middles(made - made.min(axis=(1, 2), keepdims=True)), 13.5, atol=1e-2)
    contrast = np.log((made.max(axis=(1, 2)) - made.min(axis=(1, 2))) / 0.5)
    assert 0.15 < contrast.std() < 0.25
    moved = variation(Strength(light=1.0)).varied(np.full_like(bars, 0.5)) - 0.5
    assert 0.06 < moved.std() < 0.11


def test_the_stronger_the_farther(bars):
    spread = [middles(variation(Strength(affine=reach)).varied(bars)).std() for reach in (0.5, 1.5)]
    assert spread[1] > 2 * spread[0] > 0.5


def test_learned_moves_move_as_they_were_found(bars):
    poses = np.zeros((4, NUMBERS))
    poses[:, 1] = [-0.2, 0.2, 0.2, -0.2]  # along a row alone: 0.2 * 27 / 2 pixels
    made = variation(Strength(learned=1.0), moves=Moves.of(poses, 1)).varied(bars)
    assert middles(made).std() == pytest.approx(2.7, rel=0.3)
    assert np.abs(made.sum(axis=(2, 3)) - bars.sum(axis=(2, 3))).max() < 0.1  # no row moves to another


def test_of_two_variations_the_harder_one_is_taken(bars):
    images = np.rint(bars * 255).astype(np.uint8)
    one = variation(Strength(affine=1.0))
    easy, _ = next(one.chunks(images, np.zeros(64, int), 1))
    hard = variation(Strength(affine=1.0))
    hard.losses = lambda pictures, labels: middles(pictures) * labels[:, 0]
    made, _ = next(hard.chunks(images, np.zeros(64, int), 1))
    flat = (-1, 28, 28, 1)
    assert middles(made.reshape(flat)).mean() > middles(easy.reshape(flat)).mean() + 0.3


def test_labels_are_softened_for_varied_pictures(bars):
    images = np.rint(bars * 255).astype(np.uint8)
    soft = variation(Strength(affine=1.0))
    soft.soften = lambda pictures, labels: 0.5 * labels + 0.5 * (middles(pictures)[:, None] > 13.5)
    _, labels = next(soft.chunks(images, np.zeros(64, int), 2))
    assert set(labels[..., 1].ravel()) == {0.0, 0.5}


def test_moved_pictures_are_refined_and_others_are_not(bars):
    whitened = variation(Strength(affine=1.0))
    whitened.refine = np.ones_like
    assert (whitened.varied(bars) == 1).all()
    untouched = variation()
    untouched.refine = np.ones_like
    assert untouched.varied(bars) is bars


@pytest.mark.parametrize("further", ["MixUp", "CutMix"])
def test_labels_are_mixed_as_pictures_are(further):
    white = np.repeat([0.0, 1.0], 40).astype(np.float32)
    images = np.broadcast_to(white[:, None, None, None], (80, 16, 16, 1))
    labels = np.eye(2, dtype=np.float32)[white.astype(int)]
    mixed, shown = variation(further=further).mixed(images, labels)
    np.testing.assert_allclose(mixed.mean(axis=(1, 2, 3)), shown[:, 1], atol=1e-5)
    assert 10 < ((shown[:, 1] > 0.02) & (shown[:, 1] < 0.98)).sum() < 80


@pytest.mark.parametrize("further", ["RandAugment", "AugMix"])
@pytest.mark.parametrize("channels", [1, 3])
def test_keras_layers_keep_form_and_range(bars, further, channels):
    images = np.repeat(bars[:40], channels, axis=-1)
    made, _ = variation(Strength(keras=0.5), further).mixed(images, np.ones((40, 1), np.float32))
    assert made.shape == images.shape
    assert made.min() >= 0
    assert made.max() <= 1
    assert np.abs(made - images).mean() > 0.001


def test_every_picture_is_taken_as_often_and_a_seed_always_takes_the_same():
    images = np.arange(100, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    shown, labels = next(variation().chunks(images, np.arange(100), 100))
    assert shown.shape == (CHUNK, BATCH, 8, 8, 1)
    assert labels.shape == (CHUNK, BATCH, 100)
    taken = np.bincount(labels.argmax(axis=-1).ravel())
    assert set(taken) == {8}
    np.testing.assert_allclose(shown[..., 0, 0, 0] * 255, labels.argmax(axis=-1), atol=1e-4)
    again, _ = next(variation().chunks(images, np.arange(100), 100))
    assert np.array_equal(shown, again)
