"""The experiments of a comparison: cooperation, weights and settings."""

import itertools
from dataclasses import fields
from pathlib import Path
from typing import Any

from gcn_tf.config.schema import ConfigError, DataConfig, RunConfig, to_dict
from gcn_tf.studies.comparison.methods import PAPER, Experiment, Method, additive_model, nearest_seen_cell

# As strong as imagined cells helped before they were told apart.
_IMAGINED: dict[str, Any] = {"imagined_share": RunConfig.imagined_share, "imagined_weight": 0.3}


_COOPERATION_EXPLANATION = (
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
    return Experiment("cooperation", methods, "preset", _COOPERATION_EXPLANATION)


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


# Not how a network learns, but what it learns from, where, and how often it is looked at.
_GIVEN = {
    *(entry.name for entry in fields(DataConfig)),
    *("preset", "holdout", "seed", "steps", "precision", "deterministic"),
    *("checkpoint_steps", "log_steps", "image_steps"),
}


def settings(preset: RunConfig, tried: RunConfig, file: Path) -> Experiment:
    """The preset against settings of a file, over several seeds on the file's own unseen cells.

    A search never saw these cells; cells drawn by other seeds may be among those that it chose by.

    Raises:
        ConfigError: the file changes nothing.
    """
    before, after = to_dict(preset), to_dict(tried)
    changed = {key: value for key, value in after.items() if key not in _GIVEN and before[key] != value}
    if not changed:
        raise ConfigError(f"--config {file} has the settings of the preset: nothing to compare")
    methods = {
        "preset": Method("the preset as it is"),
        file.name: Method(f"the settings of {file.name}: other {', '.join(changed)}", changed),
    }
    explanation = "Every seed learns from the same cells and is asked for the same unseen ones."
    return Experiment("settings", methods, file.name, explanation, tried.holdout, same_cells=True)
