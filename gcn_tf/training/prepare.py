"""The one way to prepare a training: settings checked, data loaded, precision resolved, memory estimated, model built."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from gcn_tf.config.checks import check_config
from gcn_tf.config.schema import RunConfig
from gcn_tf.model.build import build_model
from gcn_tf.model.gcn import GCN
from gcn_tf.model.precision import resolve_precision
from gcn_tf.pipelines.split import Split, load_split
from gcn_tf.runs.checkpoints import checkpoint_paths, checkpoint_sha256, newest_identity
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.run_dir import Run
from gcn_tf.training.memory import check_memory
from gcn_tf.training.team import Team


@dataclass(frozen=True)
class Prepared:
    """A training that is ready to begin.

    Args:
        config: checked settings, the precision resolved.
        split: the pictures, seen and unseen.
        strategy: tf.distribute.Strategy. Where the model is built and trained; by default this process's own device.
        team: the workers of a training on several machines, whose strategy that is; None: this process trains alone.
    """

    config: RunConfig
    split: Split
    strategy: tf.distribute.Strategy = field(default_factory=tf.distribute.get_strategy)
    team: Team | None = None

    @property
    def identity(self) -> Identity:
        """What makes a run of these settings and pictures this run."""
        return Identity.of(self.config, self.split.dataset.space, self.split)

    def run(self, folder: Path, model: GCN) -> Run:
        """A run directory of this training with its model."""
        identity = newest_identity(folder / "checkpoints") or self.identity
        newest = checkpoint_paths(folder / "checkpoints")[-1:]
        made_from = checkpoint_sha256(newest[0]) if newest else ""
        return Run(folder, self.config, self.split.dataset.space, model, identity, made_from)

    def build(self) -> GCN:
        """Build the model; raise UserError if it cannot fit into memory."""
        dataset = self.split.dataset
        with self.strategy.scope():
            model = build_model(self.config, dataset.space, dataset.image_shape)
        if self.team:
            model.track_alone()
        check_memory(model, self.config)
        return model


def check_settings(config: RunConfig) -> None:
    """Raise ConfigError for settings that no training can have, before any data are loaded."""
    check_config(config)
    config.generator.check_fit(config.image_shape)
    config.classifier.check_fit(config.image_shape)


def prepare(
    config: RunConfig,
    split: Split | None = None,
    strategy: tf.distribute.Strategy | None = None,
    team: Team | None = None,
) -> Prepared:
    """Check the settings and load the data.

    Args:
        split: the pictures, if they are loaded already.
        strategy: devices to train on.
        team: the workers that train together, on the devices of all; each of them calls this.

    Raises:
        UserError: a bad setting, data that cannot be loaded, or workers that differ in them.

    Example:

    >>> from gcn_tf.config.files import resolve
    >>> from gcn_tf.training.prepare import prepare
    >>> prepared = prepare(resolve(dataset="glyphs"))
    >>> {name: len(rows) for name, rows in prepared.split.groups().items()}
    {'seen': 1152, 'unseen low-level': 48}
    """
    check_settings(config)
    split = split or load_split(config)
    config.check_factor_weights(split.dataset.space.names)
    options = config.options.resolved(split.dataset)
    seen = split.rows(unseen=False)
    generator = config.generator.resolved(len(np.unique(split.base[seen])), len(seen))
    precision = resolve_precision(config.precision)
    config = replace(config, options=options, generator=generator, precision=precision)
    if team:
        prepared = Prepared(config, split, team.strategy, team)
        team.agree(config, prepared.identity)
        return prepared
    return Prepared(config, split, strategy or tf.distribute.get_strategy())
