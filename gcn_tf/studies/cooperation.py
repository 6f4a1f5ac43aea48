"""`gcn-tf study cooperation`: what does a classifier that learns along buy, and what does each part of the preset?"""

from typing import Any

from gcn_tf.config import RunConfig
from gcn_tf.studies.methods import PAPER, Experiment, Method, additive_model, nearest_seen_cell

# As strong as imagined cells helped before they were told apart.
_IMAGINED: dict[str, Any] = {"imagined_share": RunConfig.imagined_share, "imagined_weight": 0.3}
_EXPLANATION = (
    "*pixel*, *frozen*, *real*, *generated* and *both* are the paper's network; *preset* is what `gcn-tf train` does "
    "by itself. Imagined cells are random combinations that the classifier is asked about; with pixel loss alone "
    "there is no classifier to ask."
)


def cooperation() -> Experiment:
    """The paper's network under every regime, with and without imagined cells; two baselines; the preset."""
    methods = {
        "nearest seen cell": Method(
            "no network: the picture of the most similar seen cell", draw=nearest_seen_cell
        ),
        "additive model": Method(
            "no network: mean image plus effects of the factor values", draw=additive_model
        ),
        "pixel": Method("no classifier: the plain deconvolution network", {**PAPER, "cooperation": "none"}),
    }
    regimes: dict[str, tuple[str, dict[str, Any]]] = {
        "frozen": ("classifier learns first, then stays", {"cooperation": "frozen"}),
        "real": ("classifier learns along, from real pictures", {}),
        "generated": ("... from drawn ones", {"classifier_learns_from": "generated"}),
        "both": ("... from both", {"classifier_learns_from": "both"}),
    }
    for name, (meaning, settings) in regimes.items():
        methods[name] = Method(meaning, {**PAPER, **settings})
        methods[f"{name} + imagined"] = Method(
            "the same with imagined cells", {**PAPER, **settings, **_IMAGINED}
        )
    methods["preset"] = Method("the preset as it is")
    without: dict[str, tuple[str, dict[str, Any]]] = {
        "operators": ("every cell drawn by the layers alone", {"generator": {"operators": False}}),
        "jitter": ("the classifier sees pictures as they are", {"classifier_jitter": 0.0}),
        "imagined class": ("imagined cells are not told from real ones", {"imagined_class_weight": 0.0}),
        "imagined": ("no imagined cells at all", {"imagined_share": 0.0}),
        "cooperation": ("pixel loss and operators", {"cooperation": "none"}),
    }
    for name, (meaning, settings) in without.items():
        methods[f"preset without {name}"] = Method(meaning, settings)
    return Experiment("cooperation", methods, "preset", _EXPLANATION)
