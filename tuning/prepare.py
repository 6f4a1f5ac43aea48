"""From what a search was asked for to what its trials need: data, both hold-outs, the space and the precision."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from gcn_tf.config.schema import Precision, RunConfig
from gcn_tf.errors import ConfigError, UserError, suggest
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split
from gcn_tf.runs.run_dir import read_run_config
from gcn_tf.training.prepare import prepare
from gcn_tf.tuning.config import Search
from gcn_tf.tuning.score import validation_split
from gcn_tf.tuning.space import WIDTH_FACTORS, Space, default_space, narrowed, widths_text


@dataclass(frozen=True)
class PreparedSearch:
    """A search that may begin, or go on.

    Args:
        search: what was asked for.
        config: the settings that it begins with, the precision resolved.
        split: what trials learn from, and the validation cells as its unseen ones; no test cell is in it.
        space: what varies.
        parameters: of both networks, by pair of width factors.
        budget: the most parameters that a trial may have.
    """

    search: Search
    config: RunConfig
    split: Split
    space: Space
    parameters: dict[str, int]
    budget: int

    @property
    def dataset(self) -> Dataset:
        """Where all cells come from, those of the test as well."""
        return self.split.dataset

    @property
    def trials_folder(self) -> Path:
        """Of the run directories, one per trial."""
        return self.search.out / "trials"


def prepare_search(search: Search) -> PreparedSearch:
    """Load the data, part off both hold-outs and settle the space; raises UserError for what does not fit."""
    precision = kept_precision(search)
    whole = prepare(replace(search.config, precision=precision))  # the training of the winner
    config, dataset = whole.config, whole.split.dataset
    space = dataset.space
    split = validation_split(dataset, config.holdout, search.validation, config.seed)
    parameters, budget = width_parameters(config, space, dataset.image_shape, search.max_parameters)
    varied = narrowed(default_space(config, space.names, list(parameters)), search.specs, config, "--space")
    for key in varied:
        head, _, name = key.partition(".")
        if head == "factor_weights" and name not in space.names:
            raise ConfigError(
                f"--space {key}: no such factor{suggest(name, space.names) or ';'} known: {', '.join(space.names)}"
            )
    return PreparedSearch(search, config, split, varied, parameters, budget)


def kept_precision(search: Search) -> Precision:
    """The precision of a search; `auto` is what its first trial was trained in, if there is one.

    What is faster is timed, and the next race may end otherwise. The scores of one search would then not compare, and a
    trial that was stopped half-way could not go on.
    """
    if search.config.precision == "auto":
        for path in sorted((search.out / "trials").glob("*/config.yaml")):
            with suppress(UserError):  # damaged: another trial knows it, too
                return read_run_config(path.parent).precision
    return search.config.precision


def width_parameters(
    config: RunConfig, space: FactorSpace, image_shape: tuple[int, int, int], budget: int | None
) -> tuple[dict[str, int], int]:
    """Parameters of both networks by pair of width factors, of the pairs within the budget.

    Args:
        budget: the largest number of parameters; None: twice those of the settings as they are.

    Returns:
        {"generator x classifier": parameters}, and the budget.

    Raises:
        UserError: no pair fits.
    """
    sizes, imagined = space.sizes, config.imagined_class
    generators, classifiers = {}, {}
    factors = WIDTH_FACTORS if config.generator.cooperates else (1.0,)
    for factor in factors:
        generator = config.generator.scaled(factor).build(sizes, image_shape, "float32")
        classifier = config.classifier.scaled(factor).build(sizes, image_shape, "float32", imagined)
        generators[factor], classifiers[factor] = generator.count_params(), classifier.count_params()
    keras.utils.clear_session()
    budget = 2 * (generators[1.0] + classifiers[1.0]) if budget is None else budget
    pairs = {widths_text(g, c): generators[g] + classifiers[c] for g in factors for c in factors}
    fitting = {pair: count for pair, count in pairs.items() if count <= budget}
    if not fitting:
        raise UserError(
            f"--max-parameters {budget}: the smallest networks of the space have {min(pairs.values())}"
        )
    return fitting, budget
