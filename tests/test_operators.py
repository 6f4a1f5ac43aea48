import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.operators import CodeDropout, FactorOperators, symmetry_products

RNG = np.random.default_rng(0)
PICTURES = RNG.random((2, 6, 6, 3)).astype(np.float32)


def sure(layer, factor, value, symmetry):
    """Make one factor value choose one symmetry for certain."""
    logits = np.zeros(layer.symmetry[factor].shape, np.float32)
    logits[:, 0] = 1e3
    logits[value] = 0
    logits[value, symmetry] = 1e3
    layer.symmetry[factor].assign(logits / layer.gain)


def still(layer):
    """No symmetry moves and no channel mixes."""
    for name in layer.symmetry:
        sure(layer, name, 0, 0)
        layer.mixing[name].assign(np.zeros(layer.mixing[name].shape))


def built(*factors):
    layer = FactorOperators()
    codes = {name: np.eye(4, dtype=np.float32)[[0, 1]] for name in factors}
    layer((PICTURES, codes))
    still(layer)
    return layer, codes


@pytest.mark.parametrize("symmetry", range(8))
def test_each_symmetry_is_numpys(symmetry):
    layer, codes = built("rotation")
    sure(layer, "rotation", 1, symmetry)
    turned = np.asarray(layer((PICTURES, codes)))
    np.testing.assert_allclose(turned[0], PICTURES[0], atol=1e-6)
    mirrored = PICTURES[1] if symmetry < 4 else PICTURES[1][:, ::-1]
    np.testing.assert_allclose(turned[1], np.rot90(mirrored, symmetry % 4), atol=1e-6)


@pytest.mark.parametrize("first, second", [(1, 2), (1, 4), (4, 1), (5, 6), (3, 7)])
def test_factors_compose_as_the_group_does(first, second):
    layer, codes = built("turn", "flip")
    sure(layer, "turn", 1, first)
    sure(layer, "flip", 1, second)
    both = np.asarray(layer((PICTURES, codes)))[1]
    composed = int(symmetry_products()[first, second].argmax())
    alone, codes = built("turn")
    sure(alone, "turn", 1, composed)
    np.testing.assert_allclose(both, np.asarray(alone((PICTURES, codes)))[1], atol=1e-6)


def test_the_products_are_a_group():
    table = symmetry_products()
    assert (table.sum(axis=2) == 1).all()
    for row in range(8):
        assert sorted(table[row].argmax(axis=1)) == list(range(8))


def test_channels_mix_by_the_chosen_matrix():
    layer, codes = built("color")
    mixing = np.zeros((4, 3, 3), np.float32)
    mixing[1] = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], np.float32) - np.eye(3)
    layer.mixing["color"].assign(mixing / layer.gain)
    mixed = np.asarray(layer((PICTURES, codes)))
    np.testing.assert_allclose(mixed[1], PICTURES[1][..., [1, 0, 2]], atol=1e-6)


def test_a_rotation_is_learned_from_pictures_alone():
    """Four values, four turned copies of one picture: the layer finds four different symmetries."""
    keras.utils.set_random_seed(1)
    picture = RNG.random((1, 6, 6, 1)).astype(np.float32)
    wanted = np.concatenate([np.rot90(picture, turns, (1, 2)) for turns in range(4)])
    layer, codes = FactorOperators(), {"rotation": np.eye(4, dtype=np.float32)}
    repeated = np.repeat(picture, 4, axis=0)
    layer((repeated, codes))
    adam = keras.optimizers.Adam(3e-3)
    for _ in range(150):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer((repeated, codes)) - wanted) ** 2)
        adam.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
    chosen = tf.nn.softmax(layer.symmetry["rotation"] * layer.gain).numpy()
    assert list(chosen.argmax(axis=1)) == [0, 1, 2, 3]
    assert chosen.max(axis=1).min() > 0.8


def test_pictures_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="make them square"):
        FactorOperators().build(((None, 4, 6, 3), {"digit": (None, 2)}))


def test_code_dropout_makes_one_factor_uniform_in_training_only():
    layer = CodeDropout(0.5, seed=3)
    codes = {"digit": np.eye(5, dtype=np.float32)[[0] * 400], "color": np.eye(2, dtype=np.float32)[[1] * 400]}
    same = layer(codes, training=False)
    np.testing.assert_array_equal(same["digit"], codes["digit"])
    dropped = {name: np.asarray(code) for name, code in layer(codes, training=True).items()}
    lost = {name: np.isclose(code, 1 / code.shape[1]).all(axis=1) for name, code in dropped.items()}
    assert not (lost["digit"] & lost["color"]).any()
    assert 0.15 < lost["digit"].mean() < 0.35
    assert 0.15 < lost["color"].mean() < 0.35
    for name in codes:
        np.testing.assert_array_equal(dropped[name][~lost[name]], codes[name][~lost[name]])
