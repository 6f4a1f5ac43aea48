import numpy as np
import pytest

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.variations import color

PERSONS, GESTURES, LIGHTS = 6, 4, 2


@pytest.fixture(scope="session")
def people():
    """6 persons x 4 gestures x 2 lights in three colors. Person 5 looks like person 2, but for a little noise."""
    random = np.random.default_rng(0)
    space = FactorSpace(
        (
            Factor("gesture", tuple("wxyz")),
            Factor("person", ("ann", "ben", "cas", "dov", "eva", "flo")),
            Factor("light", ("day", "lamp")),
            color().factor,
        )
    )
    looks, shapes = random.integers(20, 120, (PERSONS, 16, 16)), random.integers(0, 60, (GESTURES, 16, 16))
    looks[5] = looks[2]
    base_ids = np.indices((GESTURES, PERSONS, LIGHTS)).reshape(3, -1).T.astype(np.int32)
    images = np.stack([(looks[p] + shapes[g]) * (1 + light) // 2 for g, p, light in base_ids])
    images = images + random.integers(0, 3, images.shape)
    return Dataset("people", space, images.astype(np.uint8)[..., None], base_ids, (color(),))
