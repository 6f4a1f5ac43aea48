"""Weights of a grid that grows: what was learned keeps its place, what is new keeps what it began with."""

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.model.build import build_model
from gcn_tf.model.grow import grow, grown, old_cells

OLD, NEW = {"color": 2, "person": 3}, {"color": 3, "person": 5}


def numbered(*shape):
    return np.arange(np.prod(shape)).reshape(shape) + 1.0


def places(path, known, start, old=OLD, new=NEW):
    """Where the weights went, and that everything else is as it was."""
    weights = numbered(*known)
    made = grown(path, weights, np.zeros(start), new, old)
    kept = made != 0
    np.testing.assert_array_equal(np.sort(made[kept]), weights.ravel())
    return made


def test_old_cells_are_found_in_the_larger_grid():
    assert old_cells(NEW, OLD).tolist() == [0, 1, 2, 5, 6, 7]  # of 3 x 5, row after row


def test_rows_of_codes_come_first():
    made = places("person_tower_1/kernel", (3, 4), (5, 4))
    np.testing.assert_array_equal(made[:3], numbered(3, 4))


def test_what_the_optimizer_remembers_of_them_too():
    made = places("generator_adam/person_tower_1_kernel_momentum", (3, 4), (5, 4))
    np.testing.assert_array_equal(made[:3], numbered(3, 4))


def test_the_imagined_class_stays_the_last_one():
    made = places("person_logits/kernel", (7, 4), (7, 6))
    np.testing.assert_array_equal(made[:, [0, 1, 2, 5]], numbered(7, 4))
    made = places("classifier_adam/person_logits_bias_momentum", (4,), (6,))
    assert made.tolist() == [1, 2, 3, 0, 0, 4]


def test_codes_side_by_side_go_to_their_own_factor():
    made = places("drawn_from_references/light", (5, 2), (8, 2))
    np.testing.assert_array_equal(made[[0, 1, 3, 4, 5]], numbered(5, 2))


def test_cells_go_to_their_own_place():
    made = places("drawn_from_references/poses", (6, 2), (15, 2))
    np.testing.assert_array_equal(made[old_cells(NEW, OLD)], numbered(6, 2))


@pytest.mark.parametrize("many", [5, 6, 4])  # as many as there are values, as there are cells, and neither
def test_pictures_that_are_kept_come_first_however_many_they_are(many):
    """A grid of 2 x 3 grows to 3 x 5, which has 8 values and 15 cells."""
    for name, shape in (("pictures", (2, 2, 1)), ("cells", ())):
        for more in ({5: 8, 6: 15, 4: 9}[many], many + 1):
            made = places(f"drawn_from_references/{name}", (many, *shape), (more, *shape))
            np.testing.assert_array_equal(made[:many], numbered(many, *shape))


@pytest.mark.parametrize("order", [("color", "hair_color"), ("hair_color", "color")])
def test_a_factor_whose_name_ends_as_that_of_another(order):
    sizes = {"color": (5, 7), "hair_color": (4, 6)}
    old, new = ({name: sizes[name][n] for name in order} for n in (0, 1))
    made = places("hair_color_logits/bias", (5,), (7,), old, new)
    assert made.tolist() == [1, 2, 3, 4, 0, 0, 5]
    made = places("classifier_adam/hair_color_logits_bias_velocity", (5,), (7,), old, new)
    assert made.tolist() == [1, 2, 3, 4, 0, 0, 5]
    made = places("color_logits/bias", (6,), (8,), old, new)
    assert made.tolist() == [1, 2, 3, 4, 5, 0, 0, 6]


def test_weights_of_another_shape_are_refused():
    with pytest.raises(UserError, match="the weights trunk/kernel have no place for new values: train anew"):
        grown("trunk/kernel", np.zeros((9, 4)), np.zeros((11, 4)), NEW, OLD)


def test_a_grown_model_gives_old_cells_the_same_numbers(toy_config):
    from gcn_tf.pipelines.dataset import load_dataset
    from gcn_tf.pipelines.newcomers import join_newcomers

    dataset = load_dataset(toy_config)
    labels = {"digit": ["3", "ten"], "writer": ["anna", "1"]}
    joined = join_newcomers(dataset, dataset.images[:2], labels)
    old = build_model(toy_config, dataset.space, dataset.image_shape)
    new = build_model(toy_config, joined.space, joined.image_shape)
    for variable in old.generator.get_layer("digit_tower_1").weights:
        variable.assign(variable + 1)
    old.step.assign(7)
    grow(new, old, joined.space.sizes, dataset.space.sizes)
    assert int(new.step) == 7
    ids = dataset.space.cells()[::5]
    one, other = (m.generator(s.one_hot(ids)).numpy() for m, s in ((old, dataset.space), (new, joined.space)))
    np.testing.assert_array_equal(other, one)
    images = np.random.default_rng(0).random((8, 28, 28, 3), np.float32)
    before, after = old.classifier(images), new.classifier(images)
    for name, size in dataset.space.sizes.items():
        kept = [*range(size), -1]  # the last: imagined
        np.testing.assert_array_equal(after[name].numpy()[:, kept], before[name].numpy())
