"""The settings of a method that a search finds on validation cells, as `gcn-tf tune` does."""

from pathlib import Path
from typing import Any

from gcn_tf.config.files import read_yaml
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.tuning.config import PSNR_WEIGHT, Search
from gcn_tf.tuning.search import run_search

# Not how a method learns, but from what and how long.
GIVEN = {"steps", "holdout", "seed", "precision", "checkpoint_steps", "log_steps", "image_steps"}
FIXED = {"widths": "1 x 1"}  # all methods have the same parameters


def search_settings(config: RunConfig, trials: int, out: Path) -> dict[str, Any]:
    """The best of some random settings, as changes of a RunConfig.

    Args:
        config: the method's own; its unseen cells are never looked at.
        out: folder of the search; one that was stopped goes on.
    """
    specs = FIXED if config.generator.cooperates else {}
    search = Search(config, specs, trials, "random", config.holdout, PSNR_WEIGHT, 1, None, out)
    run_search(search, "alone", ("", 0))
    before = to_dict(config)
    return {
        key: value
        for key, value in read_yaml(out / "best.yaml").items()
        if key not in GIVEN and before.get(key) != value
    }
