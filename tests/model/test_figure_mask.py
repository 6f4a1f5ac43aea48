from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.config.files import resolve
from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model import objective
from gcn_tf.model.build import build_model
from gcn_tf.model.figure_mask import figure_mask
from gcn_tf.model.generator import Deconvolution, Upsampling
from gcn_tf.model.references.generator import References
from gcn_tf.model.size import count_weights
from gcn_tf.rivals.cgan import ConditionalGan
from gcn_tf.training.prepare import check_settings

SPACE = FactorSpace((Factor("shape", ("bar", "corner")), Factor("rotation", ("0", "90", "180", "270"))))
SHAPE = (28, 28, 3)
SMALL = Deconvolution(
    tower_units=8,
    trunk=(16,),
    seed_tensor=(0, 0, 8),
    upsampling=(Upsampling(8, 4, 2, 1), Upsampling(3, 4, 2, 1)),
)
IDS = SPACE.cells()  # (8, 2)


def drawn():
    """A bar and a corner on grey ground in four turns: float32 (8, 28, 28, 3), and their masks (8, 28, 28, 1)."""
    masks = np.zeros((2, 28, 28, 1), np.float32)
    masks[0, 4:20, 6:10] = 1
    masks[1, 4:8, 6:24] = masks[1, 4:20, 20:24] = 1
    masks = np.concatenate([np.rot90(masks[[shape]], turn, (1, 2)) for shape, turn in IDS])
    return np.where(masks > 0, [0.9, 0.5, 0.1], 0.6).astype(np.float32), masks


def gcn(**settings):
    settings = {"precision": "float32", "generator": SMALL, "steps": 150, "cooperation": "none", **settings}
    config = replace(resolve("glyphs"), **settings)
    return build_model(replace(config, learning_rate=0.01, schedule="constant"), SPACE, SHAPE)


def trained(seen, steps, **settings):
    """A model after some steps with the cells `seen`, bool (8,), and the log of the last one."""
    model, (images, _) = gcn(**settings), drawn()
    kind = settings.get("generator", SMALL)
    pictures = (images[seen] * 255).astype(np.uint8)
    kind.learn_before_training(model.generator, pictures, IDS[seen], SPACE.sizes)
    step = tf.function(model.train_step, autograph=False)
    data = dict(zip(SPACE.names, tf.constant(IDS[seen].T), strict=True)), tf.constant(images[seen])
    for _ in range(steps):
        logs = step(data)
    return model, logs


def masks_of(model):
    codes = model.encode(dict(zip(SPACE.names, IDS.T, strict=True)))
    return np.asarray(model.pictures_and_masks(codes)[1]) > 0


def test_the_mask_is_what_differs_from_the_plain_ground_noise_aside():
    images, masks = drawn()
    noisy = images + np.random.default_rng(0).normal(0, 0.02, images.shape).astype(np.float32)
    np.testing.assert_array_equal(figure_mask(noisy), masks)
    np.testing.assert_array_equal(figure_mask(1 - images), masks)


def test_ink_at_the_border_is_no_ground():
    image = np.zeros((1, 28, 20, 1), np.float32)
    image[:, :, 4:8] = 1  # from edge to edge
    np.testing.assert_array_equal(figure_mask(image), image)


@pytest.mark.parametrize("operators", [True, False])
def test_a_trained_generator_knows_the_figure_of_seen_cells(operators):
    seen = ~((IDS[:, 0] == 1) & (IDS[:, 1] == 3))
    model, logs = trained(seen, 150, mask_weight=500.0, generator=replace(SMALL, operators=operators))
    truth = drawn()[1] > 0
    found = masks_of(model)
    assert (found & truth)[seen].sum() / (found | truth)[seen].sum() > 0.95
    assert float(logs["mask_loss"]) < 0.1  # 0.69 where nothing is known
    if operators:  # an unseen turn of a mask is exact
        np.testing.assert_array_equal(found[7], np.rot90(found[4], 3))


def test_the_picture_stays_without_the_mask_and_a_saved_model_has_both(tmp_path):
    model = gcn(mask_weight=1.0)
    assert model.generator.output.shape == (None, *SHAPE)
    factors = dict(zip(SPACE.names, IDS.T, strict=True))
    codes = model.encode(factors)
    np.testing.assert_array_equal(model.pictures_and_masks(codes)[0], model.generator(codes))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(factors), model(factors))
    np.testing.assert_array_equal(masks_of(again), masks_of(model))


def test_weight_0_changes_no_bit(monkeypatch):
    """The same as where no mask exists at all."""
    seen = np.ones(8, bool)
    model, logs = trained(seen, 3)
    assert "mask_loss" not in logs
    assert not [v.path for v in model.all_variables if "mask" in v.path]
    monkeypatch.delitem(objective.TERMS, "mask")
    without, _ = trained(seen, 3)
    for one, other in zip(without.all_variables, model.all_variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mask_takes_the_weights_of_one_more_filter():
    config = replace(resolve("glyphs"), generator=SMALL)
    masked = count_weights(replace(config, mask_weight=1.0), SPACE.sizes, SHAPE)
    kernel = gcn(mask_weight=1.0).generator.get_layer("mask").kernel
    assert masked - count_weights(config, SPACE.sizes, SHAPE) == np.prod(kernel.shape)


@pytest.mark.parametrize("kind", [References(), ConditionalGan()])
def test_kinds_without_a_mask_refuse_the_weight(kind):
    config = replace(resolve("glyphs"), generator=kind)
    with pytest.raises(
        ConfigError,
        match=rf"^mask_weight is 0.5: a generator of kind {kind.kind} makes no mask, .*deconvolution$",
    ):
        check_settings(replace(config, mask_weight=0.5))
    check_settings(config)
    with pytest.raises(ConfigError, match="set mask_weight to 0"):
        kind.build_masked(SPACE.sizes, SHAPE, "float32")
