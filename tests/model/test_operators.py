import numpy as np
import pytest

from gcn_tf.model.operators import (
    FactorOperators,
    HideExplained,
    Operators,
    estimate_operators,
    symmetries,
    symmetry_products,
    undone,
)
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import load_split
from gcn_tf.runs.run_dir import open_run

RNG = np.random.default_rng(0)
PICTURES = RNG.random((2, 6, 6, 3)).astype(np.float32)
STILL = np.eye(3, dtype=np.float32)


def moving(symmetry, mixing=STILL):
    """Operators of a factor with two values of which the second one does something."""
    return Operators(np.array([0, symmetry]), np.stack([STILL, mixing]), 0.0)


def applied(**operators):
    layer = FactorOperators()
    codes = {name: np.eye(2, dtype=np.float32) for name in operators}
    layer((PICTURES, codes))
    layer.assign(operators)
    return np.asarray(layer((PICTURES, codes)))


@pytest.mark.parametrize("symmetry", range(8))
def test_each_symmetry_is_numpys(symmetry):
    turned = applied(rotation=moving(symmetry))
    np.testing.assert_allclose(turned[0], PICTURES[0], atol=1e-6)
    mirrored = PICTURES[1] if symmetry < 4 else PICTURES[1][:, ::-1]
    np.testing.assert_allclose(turned[1], np.rot90(mirrored, symmetry % 4), atol=1e-6)


@pytest.mark.parametrize("first, second", [(1, 2), (1, 4), (4, 1), (5, 6), (3, 7)])
def test_factors_compose_as_the_group_does(first, second):
    composed = int(symmetry_products()[first, second].argmax())
    both = applied(turn=moving(first), flip=moving(second))
    np.testing.assert_allclose(both, applied(turn=moving(composed)), atol=1e-6)


def test_the_products_are_a_group():
    table = symmetry_products()
    assert (table.sum(axis=2) == 1).all()
    for row in range(8):
        assert sorted(table[row].argmax(axis=1)) == list(range(8))


def painted_and_turned(pictures):
    """Contents x three colors x four turns, uint8, of red pictures (P, H, W): color and turn are exact."""
    images, ids = [], []
    for content, picture in enumerate(pictures):
        for color in range(3):
            for turn in range(4):
                image = np.zeros((*picture.shape, 3), np.uint8)
                image[..., color] = np.rot90(picture, turn)
                images.append(image)
                ids.append((content, color, turn))
    return np.stack(images), np.array(ids)


def test_a_content_that_was_not_seen_with_first_values_is_turned_and_painted_back():
    images, ids = painted_and_turned(RNG.integers(0, 256, (6, 8, 8), np.uint8))
    sizes = {"content": 6, "color": 3, "turn": 4}
    first = (ids[:, 1:] == 0).all(axis=1)
    seen = ~(first & (ids[:, 0] == 2)) & ~((ids[:, 0] == 4) & ((ids[:, 1] == 0) | (ids[:, 2] == 0)))
    found = estimate_operators(images[seen], ids[seen], sizes)
    assert [operators.explain for operators in found.values()] == [False, True, True]
    content = undone(images[seen], ids[seen], sizes, found)
    np.testing.assert_array_equal(content.ids, ids[first])
    np.testing.assert_array_equal(content.pictures, images[first])


def test_a_content_is_taken_from_the_picture_that_kept_most_channels():
    """The second value turns all to grey, the third exchanges channels; the first was not seen."""
    grey, swap = np.full((3, 3), 1 / 3, np.float32), STILL[[1, 0, 2]]
    found = {"paint": Operators(np.zeros(3, int), np.stack([STILL, grey, swap]), 0.0)}
    content = RNG.integers(0, 256, (1, 4, 4, 3), np.uint8)
    images = np.concatenate([np.round(content @ matrix).astype(np.uint8) for matrix in (grey, swap)])
    back = undone(images, np.array([[0, 1], [0, 2]]), ["content", "paint"], found)
    np.testing.assert_array_equal(back.pictures, content)
    assert back.ids.tolist() == [[0, 0]]


def test_without_operators_the_first_picture_of_every_cell_is_its_content():
    images = RNG.integers(0, 256, (3, 4, 4, 1), np.uint8)
    same = undone(images, np.array([[1], [0], [1]]), ["content"], {})
    np.testing.assert_array_equal(same.pictures, images[:2])
    assert same.ids.tolist() == [[1], [0]]


def test_channels_mix_by_the_chosen_matrix():
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    np.testing.assert_allclose(applied(color=moving(0, swap))[1], PICTURES[1][..., [1, 0, 2]], atol=1e-6)


def test_a_blend_mixes_the_pictures_of_its_values():
    layer = FactorOperators()
    codes = {"turn": np.array([[0.25, 0.75], [1, 0]], np.float32)}
    layer((PICTURES, codes))
    layer.assign({"turn": moving(2)})
    expected = 0.25 * PICTURES[0] + 0.75 * np.rot90(PICTURES[0], 2)
    np.testing.assert_allclose(np.asarray(layer((PICTURES, codes)))[0], expected, atol=1e-6)


def grid(noise=0.0):
    """Three contents x two inks x the eight symmetries, each ink a mixing of the channels."""
    inks = np.stack([STILL, RNG.random((3, 3)).astype(np.float32) / 2])
    contents = RNG.random((3, 8, 8, 3)).astype(np.float32)
    cells = np.indices((3, 2, 8)).reshape(3, -1).T
    images = np.stack([symmetries(contents[c : c + 1])[s][0] @ inks[i] for c, i, s in cells])
    images += noise * RNG.normal(size=images.shape)
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8), cells, inks


SIZES = {"content": 3, "ink": 2, "turn": 8}


def test_operators_are_found_in_the_pictures_and_content_is_left_alone():
    images, cells, inks = grid()
    found = estimate_operators(images, cells, SIZES)
    assert {name: operators.explain for name, operators in found.items()} == {
        "content": False,
        "ink": True,
        "turn": True,
    }
    assert found["turn"].symmetry.tolist() == list(range(8))
    assert found["ink"].symmetry.tolist() == [0, 0]
    np.testing.assert_allclose(found["ink"].mixing, inks, atol=0.02)


def test_pictures_on_a_bright_ground_are_not_taken_for_each_other():
    """Faces that differ in the mouth alone are nearly equal in energy; an expression is no operator all the same."""
    person, mouth = RNG.random((12, 8, 8, 3)) * 0.3, RNG.random((2, 2, 8, 3)) * 0.4
    faces = 0.6 + np.repeat(person, 2, axis=0)
    faces[:, 5:7] -= np.tile(mouth, (12, 1, 1, 1))
    ids = np.stack([np.repeat(np.arange(12), 2), np.tile([0, 1], 12)], axis=1)
    found = estimate_operators(
        (255 * np.clip(faces, 0, 1)).astype(np.uint8), ids, {"person": 12, "emotion": 2}
    )
    assert not found["emotion"].explain
    assert not found["person"].explain


def test_operators_are_found_when_cells_are_missing_and_pictures_rough():
    images, cells, _ = grid(noise=0.02)
    kept = RNG.permutation(len(cells))[:40]
    found = estimate_operators(images[kept], cells[kept], SIZES)
    assert found["turn"].symmetry.tolist() == list(range(8))
    assert found["turn"].explain
    assert not found["content"].explain


def test_a_value_without_any_pair_leaves_its_factor_unexplained():
    images, cells, _ = grid()
    kept = (cells[:, 2] != 5) | (cells[:, 0] == 0)
    alone = kept & ~((cells[:, 2] != 5) & (cells[:, 0] == 0))
    assert not estimate_operators(images[alone], cells[alone], SIZES)["turn"].explain


def test_only_explained_factors_are_hidden_from_the_layers_before():
    codes = {"content": np.eye(3, dtype=np.float32), "turn": np.eye(8, dtype=np.float32)[:3]}
    layer = HideExplained()
    layer(codes)
    layer.assign(
        {
            "content": Operators(np.zeros(3, int), np.stack([STILL] * 3), 0.7),
            "turn": Operators(np.zeros(8, int), np.stack([STILL] * 8), 0.0),
        }
    )
    known = layer(codes)
    np.testing.assert_array_equal(known["content"], codes["content"])
    np.testing.assert_allclose(known["turn"], np.full((3, 8), 1 / 8))


def test_rectangles_are_mirrored_and_turned_by_180_degrees():
    pictures = RNG.integers(0, 255, (8, 4, 6, 1), np.uint8)
    turned = np.rot90(pictures, 2, axes=(1, 2))
    images = np.concatenate([pictures, pictures[:, :, ::-1], turned])
    ids = np.stack([np.tile(np.arange(8), 3), np.repeat(np.arange(3), 8)], axis=1)
    found = estimate_operators(images, ids, {"content": 8, "turn": 3})["turn"]
    assert found.explain
    assert found.symmetry.tolist() == [0, 4, 2]
    layer, codes = FactorOperators(), {"turn": np.eye(3, dtype=np.float32)[ids[:, 1]]}
    content = np.concatenate([pictures] * 3).astype(np.float32)
    layer((content, codes))
    layer.assign({"turn": found})
    np.testing.assert_allclose(layer((content, codes)), images, atol=0.1)


def test_the_drawn_digits_show_color_and_rotation(toy_config):
    split = load_split(toy_config)
    seen = split.rows(unseen=False)
    found = estimate_operators(pixels(split, seen), split.ids[seen], split.dataset.space.sizes)
    assert {name for name, operators in found.items() if operators.explain} == {"color", "rotation"}
    assert found["rotation"].symmetry.tolist() == [0, 1, 2, 3]


def test_a_run_keeps_its_operators(toy_run):
    generator = open_run(toy_run).model.generator
    chosen = np.asarray(generator.get_layer("operators").symmetry["rotation"]).argmax(axis=1)
    assert chosen.tolist() == [0, 1, 2, 3]
    assert float(generator.get_layer("hide_explained").hidden["rotation"]) == 1
    assert float(generator.get_layer("hide_explained").hidden["digit"]) == 0
