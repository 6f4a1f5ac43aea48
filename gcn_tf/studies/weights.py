"""`gcn-tf study weights`: do the authors' loss weights and activation win, and does 100 : 1 fail to converge?"""

import itertools
from typing import Any

from gcn_tf.studies.methods import PAPER, Experiment, Method

WEIGHTS = (1, 10, 100)
ACTIVATIONS: dict[str, dict[str, Any]] = {
    "ReLU": {"activation": "relu"},
    "PReLU": {"activation": "prelu"},
    "LeakyReLU 0.1": {"activation": "leaky_relu", "negative_slope": 0.1},
}


def weights() -> Experiment:
    """Classification weights x activations of the generator, by the paper's objective, at the preset's layer sizes."""
    methods = {}
    for (activation, settings), weight in itertools.product(ACTIVATIONS.items(), WEIGHTS):
        methods[f"{activation}, {weight} : 1"] = Method(
            f"{activation} in the generator, cross entropies weighted {weight}, pixels 1",
            {
                **PAPER,
                "generator": {**PAPER["generator"], **settings},
                "classification_weight": float(weight),
                "factor_weights": {},
            },
        )
    explanation = (
        "All by the paper's objective (the classifier learns along from real pictures; no imagined cells, no "
        "operators). Weights are those of every factor's cross entropy and of the sum of squared pixel differences."
    )
    return Experiment("weights", methods, "LeakyReLU 0.1, 10 : 1", explanation)
