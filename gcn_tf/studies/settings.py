"""`gcn-tf study settings`: is a file of settings, such as the best of a search, better than the preset?"""

from dataclasses import fields
from pathlib import Path

from gcn_tf.config import ConfigError, DataConfig, RunConfig, to_dict
from gcn_tf.studies.methods import Experiment, Method

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
