"""One way to prepare a training."""

from pathlib import Path

from gcn_tf.config.checks import check_config
from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.model.classifier import check_classifier_side
from gcn_tf.model.generator import check_image_side
from gcn_tf.pipelines.split import Split, load_split
from gcn_tf.runs.run_dir import write_run


def start_run(config: RunConfig, run_dir: Path) -> tuple[RunConfig, Split]:
    """Check the settings, load the data and lay out a new run directory.

    Raises:
        UserError: a bad setting, data that do not load, or a folder that already holds a run.
    """
    check_config(config)
    if (run_dir / "config.yaml").exists():
        raise UserError(
            f"--run-dir {run_dir} already holds a run: go on with --resume {run_dir}, or name another"
        )
    check_image_side(config.generator, config.image_size)
    check_classifier_side(config.classifier, config.image_size)
    split = load_split(config)
    return write_run(config, split, run_dir), split
