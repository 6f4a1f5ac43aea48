import numpy as np

from gcn_tf.model.generator import Deconvolution
from gcn_tf.model.operators import Operators
from gcn_tf.model.value_codes import mean_poses
from gcn_tf.rivals.dcgan import DeepConvolutionalGan

SIZES = {"digit": 3, "writer": 4, "turn": 2}
TURNS = Operators(np.array([0, 1]), np.stack([np.eye(3)] * 2).astype(np.float32), 0.0)


def test_codes_are_what_the_towers_make_of_a_value_alone():
    kind = Deconvolution(towers={"writer": 6}, tower_units=5, trunk=(8,))
    network = kind.build(SIZES, (28, 28, 3), "float32")
    for layer in ("operators", "hide_explained"):
        network.get_layer(layer).assign({"turn": TURNS})
    found = kind.value_codes(network)
    assert {name: code.shape for name, code in found.items()} == {
        "digit": (3, 5),
        "writer": (4, 6),
        "turn": (2, 8 + 9),
    }
    first, second = (network.get_layer(f"writer_tower_{n}") for n in (1, 2))
    slope = lambda x: np.where(x > 0, x, kind.negative_slope * x)  # noqa: E731
    inner = slope(first.kernel.numpy() + first.bias.numpy())
    np.testing.assert_allclose(
        found["writer"], slope(inner @ second.kernel.numpy() + second.bias.numpy()), 1e-4, 1e-5
    )
    np.testing.assert_array_equal(found["turn"][:, :8].argmax(axis=1), TURNS.symmetry)


def test_poses_of_a_value_are_those_of_its_cells_without_factors_that_operators_draw():
    cells = np.indices((3, 4, 2)).reshape(3, -1).T
    poses = np.stack([10 * cells[:, 0] + cells[:, 1], cells[:, 1] ** 2.0], axis=1)
    poses[cells[:, 2] > 0] = np.nan  # never looked at
    found = mean_poses(poses, SIZES, ["turn"])
    np.testing.assert_allclose(found["digit"][:, 0], [1.5, 11.5, 21.5])
    np.testing.assert_allclose(found["writer"], [[10, 0], [11, 1], [12, 4], [13, 9]])
    assert "turn" not in found


def test_kinds_without_codes_have_none():
    kind = DeepConvolutionalGan()
    assert kind.value_codes(kind.build(SIZES, (28, 28, 3), "float32")) == {}
