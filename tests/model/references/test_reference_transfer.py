"""Pictures of a style that was never seen, in other contents: their geometry is known, so what is carried over can be measured."""

import numpy as np
import pytest
import tensorflow as tf
from figure_grids import STYLES, drawn, posed_grid, strokes

from gcn_tf.model.operators import FactorOperators, Operators, symmetries
from gcn_tf.model.references import registration
from gcn_tf.model.references.generator import References
from gcn_tf.model.references.layers import DrawnFromReferences
from gcn_tf.model.references.light import averaged
from gcn_tf.model.references.transfer import ReferenceTransfer, averaged_over

SIZES = {"content": 6, "style": 5}
STYLE = STYLES[[0, 2]].sum(axis=0)  # of nobody that is known


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registration, "STAGES", (registration.Stage(14, 8, 4, 0.1),))
        patch.setattr("gcn_tf.model.references.onto_template.STAGES", registration.STAGES)
        yield


@pytest.fixture(scope="module")
def grid():
    return posed_grid()


@pytest.fixture(scope="module")
def network(grid):
    known = grid.ids[:, 1] < 5
    kind = References(filters=(4, 6)).resolved(int(known.sum()), int(known.sum()))
    network = kind.build(SIZES, grid.images.shape[1:], "float32")
    kind.learn_before_training(network, grid.images[known], grid.ids[known], SIZES)
    return kind, network


@pytest.fixture(scope="module")
def transfer(network):
    kind, network = network
    return kind.transfer(network)


@pytest.fixture(scope="module")
def draw(transfer):
    return tf.function(transfer.draw, reduce_retracing=True, autograph=False)


@pytest.fixture(scope="module")
def true():
    """All contents in the style of nobody that is known, float32 (6, 28, 28, 1)."""
    pictures = [drawn(strokes(content), STYLE, 28, 28) for content in range(6)]
    return np.stack(pictures)[..., None].astype(np.float32)


def weights(**values):
    """Codes by factor name: of ids, or zeros for None."""
    count = len(next(ids for ids in values.values() if ids is not None))
    return {
        name: tf.zeros((count, size)) if values.get(name) is None else tf.one_hot(values[name], size)
        for name, size in SIZES.items()
    }


def test_a_picture_in_its_own_cell_is_itself(draw, true):
    made = draw(tf.constant(true), weights(content=range(6)), weights(content=range(6)))
    np.testing.assert_allclose(np.clip(made, 0, 1), true, atol=2e-3)


def test_other_contents_in_an_unknown_style_are_nearer_than_any_known_style(draw, true, grid):
    given, wanted = np.array([0, 2, 4]), np.array([1, 3, 5])
    made = draw(tf.constant(true[given]), weights(content=given), weights(content=wanted)).numpy()
    error = np.square(made - true[wanted]).mean()
    known = grid.images.reshape(6, 6, 28, 28, 1)[:, :5] / 255
    apart = np.square(known[given] - true[given][:, None]).mean(axis=(2, 3, 4))
    nearest = known[wanted, apart.argmin(axis=1)]
    assert error < 0.7 * np.square(nearest - true[wanted]).mean()
    assert error < 0.9 * np.square(known.mean(axis=1)[wanted] - true[wanted]).mean()


def test_a_known_style_that_is_named_draws_its_cells(draw, grid):
    """Style and all pictures are known, so that the given one tells nothing new."""
    pictures = (grid.images.reshape(6, 6, 28, 28, 1) / 255).astype(np.float32)
    given, wanted, style = np.array([0, 1]), np.array([3, 4]), np.array([1, 2])
    shown, to = weights(content=given, style=style), weights(content=wanted)
    made = draw(tf.constant(pictures[given, style]), shown, to).numpy()
    error = np.square(made - pictures[wanted, style]).mean()
    assert error < 0.3 * np.square(pictures[given, style] - pictures[wanted, style]).mean()


def test_a_style_is_changed_and_an_unknown_content_kept(draw, grid):
    """The picture itself is moved to the other style's pose."""
    lines = strokes(9)
    before, after = (
        drawn(lines, STYLES[style], 28, 28)[None, ..., None].astype(np.float32) for style in (0, 1)
    )
    made = draw(tf.constant(before), weights(content=None, style=[0]), weights(content=None, style=[1]))
    assert np.square(made - after).mean() < 0.6 * np.square(before - after).mean()


def test_a_blend_lies_between_its_cells(draw, true):
    picture, shown = tf.constant(true[:1]), weights(content=[0])
    both = {**weights(content=[0]), "content": tf.constant([[0.0, 0.5, 0.0, 0.5, 0.0, 0.0]])}
    one, other = (draw(picture, shown, weights(content=[value])) for value in (1, 3))
    made = draw(picture, shown, both)
    assert np.square(made - (one + other) / 2).mean() < 0.5 * np.square(one - other).mean()
    first = {**weights(content=[0]), "content": tf.constant([[0.0, 0.999, 0.0, 0.001, 0.0, 0.0]])}
    np.testing.assert_allclose(draw(picture, shown, first), one, atol=0.02)


def test_a_picture_does_not_depend_on_its_batch(draw, true):
    shown, to = weights(content=range(6)), weights(content=[5, 4, 3, 2, 1, 0])
    together = draw(tf.constant(true), shown, to).numpy()
    alone = draw(tf.constant(true[:1]), *({n: c[:1] for n, c in codes.items()} for codes in (shown, to)))
    np.testing.assert_allclose(alone, together[:1], atol=1e-4)


@pytest.mark.slow
def test_a_picture_misses_least_of_its_own_content(transfer, true):
    missed = np.stack(
        [transfer.missed(tf.constant(true), weights(content=[value] * 6)).numpy() for value in range(6)],
        axis=1,
    )
    assert (missed.argmin(axis=1) == np.arange(6)).sum() >= 5
    assert (missed >= 0).all()


def test_what_operators_did_is_undone_before_and_done_again():
    """Turned and colored pictures of an unknown style, of which the plain ones are known."""
    sizes = {"content": 6, "style": 5, "turn": 2, "color": 2}
    grid = posed_grid(channels=3)
    plain = grid.images * np.array([1, 0, 0], np.uint8)
    green = grid.images * np.array([0, 1, 0], np.uint8)
    images = [symmetries(tone)[turn] for turn in (0, 1) for tone in (plain, green)]
    ids = [np.hstack([grid.ids, np.tile([turn, tone], (36, 1))]) for turn in (0, 1) for tone in (0, 1)]
    known = np.concatenate(ids)[:, 1] < 5
    kind = References(filters=(4, 6)).resolved(30, 30)
    network = kind.build(sizes, grid.images.shape[1:], "float32")
    kind.learn_before_training(network, np.concatenate(images)[known], np.concatenate(ids)[known], sizes)
    assert kind.exact_factors(network) == ("turn", "color")
    draw = tf.function(kind.transfer(network).draw, autograph=False)

    def codes(content, turn, tone):
        zeros = {name: tf.zeros((1, size)) for name, size in sizes.items()}
        return (
            zeros
            | {n: tf.one_hot([v], 2) for n, v in (("turn", turn), ("color", tone)) if v is not None}
            | {"content": tf.one_hot([content], 6)}
        )

    figure = (drawn(strokes(0), STYLE, 28, 28)[None, ..., None] * [1.0, 0, 0]).astype(np.float32)
    turned = symmetries(figure[..., [1, 0, 2]])[1]
    expected = draw(tf.constant(figure), codes(0, 0, 0), codes(3, None, None)).numpy()
    made = draw(tf.constant(turned), codes(0, 1, 1), codes(3, None, None)).numpy()
    np.testing.assert_allclose(made, symmetries(expected[..., [1, 0, 2]])[1], atol=1e-3)
    recolored = draw(tf.constant(turned), codes(0, 1, 1), codes(3, 0, 0)).numpy()
    np.testing.assert_allclose(recolored, expected, atol=1e-3)


def test_operators_are_undone():
    layer = FactorOperators()
    layer.build(((None, 8, 8, 3), {"turn": (None, 8), "tone": (None, 2)}))
    tone = np.stack([np.eye(3), np.array([[0.5, 0.2, 0], [0, 0.8, 0.1], [0.3, 0, 1]])]).astype(np.float32)
    layer.assign(
        {
            "turn": Operators(np.arange(8), np.repeat(np.eye(3, dtype=np.float32)[None], 8, axis=0), 0.0),
            "tone": Operators(np.zeros(2, int), tone, 0.0),
        }
    )
    pictures = np.random.default_rng(0).random((16, 8, 8, 3)).astype(np.float32)
    codes = {"turn": tf.one_hot(np.arange(16) % 8, 8), "tone": tf.one_hot(np.arange(16) // 8, 2)}
    np.testing.assert_allclose(layer.undo(layer((pictures, codes)), codes), pictures, atol=1e-5)


@pytest.mark.parametrize("side", [1, 2, 8])
def test_light_is_averaged_as_in_the_tables(side):
    pictures = np.random.default_rng(0).random((3, 28, 20, 2)).astype(np.float32)
    expected = averaged(pictures, side).reshape(pictures.shape)
    np.testing.assert_allclose(averaged_over(tf.constant(pictures), side), expected, atol=1e-5)


def test_distances_between_features_are_those_of_the_values(network):
    """But for what pairs of pictures add, `value_distances` are squared differences of the features."""
    layer: DrawnFromReferences = network[1].get_layer("drawn_from_references")
    transfer = ReferenceTransfer(layer, None)
    features = transfer.features.numpy().astype(np.float64)
    apart = np.square(features[:6, None] - features[None, :6]).sum(axis=2)
    table = transfer.apart["content"].numpy()
    others = ~np.eye(6, dtype=bool)
    assert (table[others] > apart[others]).all()
    assert np.corrcoef(table[others], apart[others])[0, 1] > 0.8
