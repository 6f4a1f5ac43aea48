"""Codes of newcomers: a row that brings a frozen network's pictures near to theirs."""

import keras
import numpy as np
import pytest

from gcn_tf.model import newcomer_codes
from gcn_tf.model.classifier import AlexNet, Convolution
from gcn_tf.model.newcomer_codes import learn_codes

OLD, NEW = {"content": 5, "style": 4}, {"content": 5, "style": 5}


def codes(ids, sizes=NEW):
    return {
        name: np.eye(size, dtype=np.float32)[np.asarray(ids)[:, m]]
        for m, (name, size) in enumerate(sizes.items())
    }


def network_of(sizes, seed=0):
    """Pictures of 8 x 8 from a tower for each factor, all different."""
    keras.utils.set_random_seed(seed)
    inputs = {name: keras.layers.Input((size,), name=name) for name, size in sizes.items()}
    towers = [
        keras.layers.Dense(
            6, "tanh", kernel_initializer=keras.initializers.RandomNormal(0, 1), name=f"{name}_tower_1"
        )(code)
        for name, code in inputs.items()
    ]
    x = keras.layers.Dense(
        64,
        kernel_initializer=keras.initializers.RandomNormal(0, 0.15),
        bias_initializer=keras.initializers.Constant(0.5),
    )(keras.layers.Concatenate()(towers))
    return keras.Model(inputs, keras.layers.Reshape((8, 8, 1))(x))


@pytest.fixture
def network():
    return network_of(NEW)


def learned(network, images, ids, contents=None, sizes=NEW, old_sizes=OLD, names=("style",)):
    """Give the network the rows of newcomers; contents are by default what the first factor says."""
    ids = np.asarray(ids)
    contents = ids[:, 0] if contents is None else contents
    kernels = {name: network.get_layer(f"{name}_tower_1").kernel for name in names}
    learn_codes(network, (images, ids, np.asarray(contents)), sizes, old_sizes, kernels)


def generated(network, ids):
    return network(codes(ids)).numpy()


def uint8(pictures):
    return np.rint(255 * pictures.clip(0, 1)).astype(np.uint8)


def cells(style):
    return np.stack([np.arange(5), np.full(5, style)], axis=1)


@pytest.mark.parametrize("style", [0, 3])
@pytest.mark.parametrize("shown", [[1], [0, 2, 4]])
def test_a_newcomer_with_the_pictures_of_a_known_value_becomes_that_value(network, style, shown):
    ids = np.stack([shown, np.full(len(shown), 4)], axis=1)
    learned(network, uint8(generated(network, cells(style)[shown])), ids)
    made = generated(network, cells(4))
    errors = [np.square(made - generated(network, cells(known))).mean() for known in range(4)]
    assert np.argmin(errors) == style
    assert errors[style] < 0.3 * np.delete(errors, style).min()


def test_a_newcomer_between_two_known_values_is_nearer_to_them_than_to_others(network):
    kernel = network.get_layer("style_tower_1").kernel
    rows = np.array(kernel)
    truth = (rows[0] + rows[2]) / 2
    kernel.assign(np.vstack([rows[:4], truth]))
    true = generated(network, cells(4))
    kernel.assign(rows)
    learned(network, uint8(true[:3]), cells(4)[:3])
    made = generated(network, cells(4))[3:]
    known = [np.square(generated(network, cells(k))[3:] - true[3:]).mean() for k in range(4)]
    assert np.square(made - true[3:]).mean() < 0.3 * min(known)


def test_only_the_new_rows_change(network):
    before = [np.array(weight) for weight in network.weights]
    kernel = network.get_layer("style_tower_1").kernel
    learned(network, uint8(generated(network, cells(1)[:2])), cells(4)[:2])
    for weight, old in zip(network.weights, before, strict=True):
        if weight is kernel:
            np.testing.assert_array_equal(weight[:4], old[:4])
            assert np.abs(weight[4] - old[4]).max() > 0.1
        else:
            np.testing.assert_array_equal(weight, old)


def test_the_same_pictures_give_the_same_bits():
    rows = []
    for _ in range(2):
        network = network_of(NEW)
        learned(network, uint8(generated(network, cells(1)[:3])), cells(4)[:3])
        rows.append(np.array(network.get_layer("style_tower_1").kernel))
    np.testing.assert_array_equal(*rows)


def test_several_values_of_two_factors_are_learned_at_once():
    sizes = {"content": 6, "style": 6}
    network = network_of(sizes)
    ids = np.array([[0, 4], [3, 4], [1, 5], [2, 5], [5, 0], [5, 2], [5, 4]])
    as_known = {4: 1, 5: 3}  # new styles are those; the new content is content 2
    known = np.array([[2 if c == 5 else c, as_known.get(s, s)] for c, s in ids])
    images = uint8(network(codes(known, sizes)).numpy())
    learned(network, images, ids, np.arange(len(ids)), sizes, OLD, ("content", "style"))
    for new, old in (([4, 4], [4, 1]), ([4, 5], [4, 3]), ([5, 1], [2, 1]), ([5, 5], [2, 3])):
        made = network(codes([new], sizes)).numpy()
        errors = {
            (c, s): np.square(made - network(codes([[c, s]], sizes)).numpy()).mean()
            for c in range(5)
            for s in range(4)
        }
        assert min(errors, key=errors.get) == tuple(old)


def test_descent_stops_where_held_out_pictures_are_met_no_better(network, monkeypatch):
    """The newcomer's pictures contradict each other: what is learned of some helps no other."""
    steps = []
    original = newcomer_codes._Search.run

    def run(self, learned, most, judged=None):
        steps.append((original(self, learned, most, judged), len(learned[0]), judged is not None))
        return steps[-1][0]

    monkeypatch.setattr(newcomer_codes._Search, "run", run)
    noise = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)
    learned(network, noise, cells(4)[:4])
    (found, some, first), (repeated, every, last) = steps
    assert (some, every, first, last) == (3, 4, True, False)
    assert found == repeated < newcomer_codes.STEPS


def test_a_single_picture_is_judged_by_where_it_might_have_stood(network, monkeypatch):
    judges = []
    original = newcomer_codes._Search.run

    def run(self, learned, most, judged=None):
        judges.append(judged)
        return original(self, learned, most, judged)

    monkeypatch.setattr(newcomer_codes._Search, "run", run)
    image = uint8(generated(network, cells(1)[:1]))
    learned(network, image, cells(4)[:1])
    moved, ids = judges[0]
    assert moved.shape == (4, 8, 8, 1)
    assert (ids == [0, 4]).all()
    for picture, (y, x) in zip(moved, ((-1, 0), (1, 0), (0, -1), (0, 1)), strict=True):
        np.testing.assert_allclose(picture, np.roll(image[0] / 255, (y, x), axis=(0, 1)), atol=1e-6)


SIZE = 12


def striped(style, rng):
    """Stripes of a style's own width, somewhere, with noise: uint8 (12, 12, 1)."""
    place = np.arange(SIZE) + rng.integers(0, SIZE)
    stripes = ((place // (1 + style)) % 2)[:, None] * np.ones(SIZE)
    return np.rint(200 * stripes + rng.uniform(0, 40, (SIZE, SIZE)))[..., None].astype(np.uint8)


@pytest.fixture(scope="module")
def classifiers():
    """A classifier of three widths of stripes, and one that was given a fourth; with pictures to test them."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    kind = AlexNet(convolutions=(Convolution(8, 5, pool=4),), head_units=(16,), dropout=0.0)
    ids = np.stack([np.arange(120) % 3, np.arange(120) % 2], axis=1)
    images = np.stack([striped(style, rng) for style in ids[:, 0]])
    old_sizes, sizes = {"style": 3, "side": 2}, {"style": 4, "side": 2}
    old, new = (kind.build(s, (SIZE, SIZE, 1), "float32", imagined_class=True) for s in (old_sizes, sizes))
    old.compile(
        keras.optimizers.Adam(0.01),
        {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in sizes},
    )
    old.fit(images / 255.0, {"style": ids[:, 0], "side": ids[:, 1]}, epochs=12, verbose=0)
    from gcn_tf.model.grow import grown

    for variable, known in zip(new.variables, old.variables, strict=True):
        variable.assign(grown(variable.path, np.asarray(known), np.asarray(variable), sizes, old_sizes))
    given = np.stack([striped(5, rng) for _ in range(3)])
    kind.learn_newcomers(new, (images, ids), (given, np.array([[3, 0], [3, 1], [3, 0]])), sizes, old_sizes)
    tests = {style: np.stack([striped(style, rng) for _ in range(40)]) for style in (0, 1, 2, 5)}
    return old, new, given, tests


def classes(network, images):
    return network(images / np.float32(255))["style"].numpy().argmax(axis=1)


def test_an_imprinted_classifier_knows_the_newcomer(classifiers):
    _, new, given, tests = classifiers
    assert (classes(new, given) == 3).mean() > 0.5
    assert (classes(new, tests[5]) == 3).mean() > 0.5  # a quarter by chance


def test_its_answers_for_known_pictures_change_rarely(classifiers):
    old, new, _, tests = classifiers
    known = np.concatenate([tests[style] for style in range(3)])
    before, after = classes(old, known), classes(new, known)
    assert (before == np.repeat(np.arange(3), 40)).mean() > 0.9
    assert (before != after).mean() < 0.1


def test_what_it_said_of_known_values_stays_the_same_number(classifiers):
    old, new, _, tests = classifiers
    before, after = (network(tests[1] / np.float32(255)) for network in (old, new))
    np.testing.assert_allclose(after["style"].numpy()[:, [0, 1, 2, 4]], before["style"].numpy(), atol=1e-5)
    np.testing.assert_allclose(after["side"].numpy(), before["side"].numpy(), atol=1e-5)
