import numpy as np
import pytest

from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.studies.augmentation.downstream_classifier import (
    BATCH_SIZE,
    DownstreamConfig,
    Labelled,
    Material,
    _sources,
    train_downstream_classifier,
)

SMALL = AlexNet((Convolution(8, 5, 2, 2), Convolution(16, 3, 2)), (32,), dropout=0.0)


def digits(session):
    images = draw_glyphs(8, session=session).reshape(-1, 28, 28)[..., None].repeat(3, axis=-1)
    return Labelled(images, np.tile(np.eye(10, dtype=np.float32), (8, 1)))


def learned(real=None, generated=None, augmentation=None, **settings):
    config = DownstreamConfig(SMALL, **{"round_steps": 60, "precision": "float32", **settings})
    return train_downstream_classifier(config, Material(real, generated, digits(1)), augmentation)


def test_a_classifier_learns_from_real_from_generated_and_from_both():
    test = digits(2)
    for real, generated in ((digits(0), None), (None, digits(0)), (digits(0), digits(3))):
        classifier = learned(real, generated)
        assert np.mean(classifier.classify(test.images) == test.labels.argmax(axis=1)) > 0.6  # chance is 0.1


@pytest.mark.slow
def test_equal_seeds_give_equal_classifiers():
    first, second, other = (learned(digits(0), seed=seed) for seed in (0, 0, 1))
    assert first.validation_loss == second.validation_loss != other.validation_loss


def test_rounds_end_when_the_validation_loss_no_longer_falls():
    wrong = Labelled(digits(1).images, np.roll(digits(1).labels, 1, axis=1))
    config = DownstreamConfig(SMALL, round_steps=40, rounds=8, precision="float32")
    classifier = train_downstream_classifier(config, Material(digits(0), None, wrong))
    # the better it classifies, the worse its loss
    assert classifier.steps < 8 * 40


def test_the_ratio_shares_the_batch():
    real, generated = digits(0), digits(1)
    for ratio, count in ((1.0, 16), (0.25, 6), (2.0, 21), (1000.0, 31), (0.001, 1)):
        assert _sources(real, generated, ratio) == [(real, BATCH_SIZE - count), (generated, count)]
    with pytest.raises(ValueError, match="nothing to learn from"):
        _sources(None, None, 1.0)


def test_augmentation_reaches_both_kinds_of_pictures():
    seen = []

    def note(images, labels):
        seen.append(images.shape)
        return images, labels

    learned(digits(0), digits(3), note)
    assert seen == [(BATCH_SIZE, 28, 28, 3)]  # traced once, on the whole batch
