import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.studies.augmentation.conventional import (
    CONVENTIONAL,
    RandomAffine,
    UprightRandAugment,
    augmentation,
)


@pytest.fixture(scope="module")
def batch():
    images = draw_glyphs(2).reshape(-1, 28, 28)[..., None].repeat(3, axis=-1).astype(np.float32) / 255
    labels = np.tile(np.eye(10, dtype=np.float32), (2, 1))
    return tf.constant(images), tf.constant(labels)


@pytest.mark.parametrize("photographs", [False, True])
@pytest.mark.parametrize("name", CONVENTIONAL)
def test_every_augmentation_changes_pictures_and_keeps_labels_a_distribution(name, photographs, batch):
    apply = tf.function(augmentation(name, CONVENTIONAL[name].strengths[-1], photographs, seed=0))
    images, labels = apply(*batch)
    assert images.shape == batch[0].shape
    assert np.abs(images - batch[0]).max() > 0.1
    assert np.all(images >= -1e-3)
    assert np.all(images <= 1 + 1e-3)
    np.testing.assert_allclose(np.sum(labels, axis=1), 1, atol=1e-5)


def test_the_strength_is_the_reach(batch):
    def change(strength):
        images, _ = augmentation("affine", strength, False, seed=0)(*batch)
        return float(np.abs(images - batch[0]).mean())

    assert change(0.0) < 1e-6 < change(0.5) < change(1.5)


def test_affine_figures_stay_about_the_middle(batch):
    """A shear about a corner, as Keras's, would push them aside."""
    images = np.concatenate([augmentation("affine", 1.0, False, seed)(*batch)[0] for seed in range(10)])
    place = np.arange(28)
    middle = (images[..., 0].sum(axis=1) * place).sum(axis=1) / images[..., 0].sum(axis=(1, 2))
    before = (batch[0][..., 0].numpy().sum(axis=1) * place).sum(axis=1) / batch[0][..., 0].numpy().sum(
        axis=(1, 2)
    )
    assert abs(middle.mean() - before.mean()) < 0.4
    assert np.abs(middle - 13.5).max() < 6


def test_digits_are_neither_turned_nor_mirrored(batch):
    layer = RandomAffine(1.0, turn=False, seed=0)
    rows = np.zeros((64, 28, 28, 1), np.float32)
    rows[:, 13] = 1  # a level line stays level when sheared, zoomed and moved
    moved = layer(tf.constant(rows)).numpy()[..., 0]
    lit = moved.max(axis=2) > 0.05
    assert np.all(lit.sum(axis=1) <= 3)
    turned = RandomAffine(1.0, turn=True, seed=0)(tf.constant(rows)).numpy()[..., 0]
    assert (turned.max(axis=2) > 0.05).sum(axis=1).max() > 4
    assert "random_rotation" not in UprightRandAugment._AUGMENT_LAYERS
