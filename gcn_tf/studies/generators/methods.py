"""What the study of generators compares: the rivals, GCNs, and predictors without a network."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf import doors
from gcn_tf.config.files import resolve, with_settings
from gcn_tf.config.kept import check_origin
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError, suggest
from gcn_tf.evaluation.ridge import predict_pictures
from gcn_tf.pipelines.batches import pixels
from gcn_tf.rivals.latents import draw_again
from gcn_tf.rivals.rival import RivalConfig
from gcn_tf.runs.run_dir import Run, read_run_config, write_run
from gcn_tf.studies.comparison.experiments import PAPER
from gcn_tf.studies.comparison.methods import nearest_cells
from gcn_tf.studies.generators.task import Task
from gcn_tf.synthesis.draw import generate_from_codes
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare

TUNED = ", tuned"  # ends the name of a method with the settings that a search found
CLASSIFIER_STEPS = 1000  # of a classifier that picks pictures
MASK = {"mask_weight": 2.0}  # the authors' weight


@dataclass(frozen=True)
class Contender(ABC):
    """A method of the study.

    Args:
        meaning: str. For the table.
    """

    meaning: str

    @abstractmethod
    def train(self, config: RunConfig, task: Task, run_dir: Path) -> Any:
        """Learn from the given pictures; returns whatever `draw` takes."""

    @abstractmethod
    def draw(self, trained: Any, task: Task) -> np.ndarray:
        """The pictures of the task's rows: uint8 (R, H, W, C)."""

    def draw_again(self, trained: Any, task: Task) -> np.ndarray | None:
        """Other pictures of the same cells; None of a method that has one picture for each."""
        return None


@dataclass(frozen=True)
class Network(Contender):
    """A generator that is trained, as a run.

    Args:
        settings: changes of the settings that all methods start from.
    """

    settings: dict[str, Any] = field(default_factory=dict)

    def config(self, config: RunConfig) -> RunConfig:
        """The settings of its run. What the run's classifier can is not compared here: it learns where it is asked alone."""
        found: RunConfig = with_settings(config, self.settings, "study")
        kind = found.generator
        asked = isinstance(kind, RivalConfig) and kind.asks_classifier
        return replace(found, classifier_share=min(2.0, CLASSIFIER_STEPS / found.steps) if asked else 0.0)

    def train(self, config: RunConfig, task: Task, run_dir: Path) -> Run:
        """Train a run, or go on with the one that is there; raises UserError when that has other settings."""
        prepared = prepare(self.config(config), task.given)
        if (run_dir / "config.yaml").exists():
            check_origin(run_dir, to_dict(read_run_config(run_dir)), to_dict(prepared.config))
        else:
            write_run(prepared.config, task.split.dataset.space, run_dir)
        return prepared.run(run_dir, fit(prepared, run_dir))

    def draw(self, trained: Run, task: Task) -> np.ndarray:
        return generate_from_codes(trained.model, task.split.dataset.space.one_hot(task.ids))

    def draw_again(self, trained: Run, task: Task) -> np.ndarray | None:
        return self.draw(trained, task) if draw_again(trained.model.generator, 1) else None


@dataclass(frozen=True)
class NearestCell(Contender):
    """The given picture that shares most factor values."""

    meaning: str = "no network: the given picture that shares most values"

    def train(self, config: RunConfig, task: Task, run_dir: Path) -> None:
        """Nothing is learned."""

    def draw(self, trained: None, task: Task) -> np.ndarray:
        given = task.given.rows(unseen=False)
        return pixels(task.given, given[nearest_cells(task.given.ids[given], task.ids)])


@dataclass(frozen=True)
class Ridge(Contender):
    """Effects of the values, and of pairs of them where three factors or more are, in closed form."""

    meaning: str = "no network: mean picture plus effects of values and of pairs of values"

    def train(self, config: RunConfig, task: Task, run_dir: Path) -> None:
        """What is drawn is computed at once."""

    def draw(self, trained: None, task: Task) -> np.ndarray:
        given = task.given.rows(unseen=False)
        known, images = task.given.ids[given], pixels(task.given, given)
        for order in (2, 1):
            if order < known.shape[1]:
                predicted = predict_pictures(known, images, task.ids, order)
                if predicted is not None:
                    return predicted
        return np.broadcast_to(
            np.rint(images.mean(axis=0)).astype(np.uint8), (len(task.ids), *images.shape[1:])
        ).copy()


def layers_by_default(config: RunConfig) -> RunConfig:
    """The settings with a generator that makes every picture from its codes, if they have another kind."""
    if config.generator.kind == "deconvolution":
        return config
    small = resolve(dataset="glyphs").generator
    return replace(
        config, generator=small if min(config.image_shape[:2]) < 48 else resolve("folder").generator
    )


def contenders(config: RunConfig, parameters: int, chosen: tuple[str, ...] = ()) -> dict[str, Contender]:
    """Methods by name.

    Args:
        config: the settings that all start from.
        parameters: of every network but those with references, nearly.
        chosen: names; empty: all.

    Raises:
        ConfigError: an unknown name.
    """
    layers = to_dict(layers_by_default(config))["generator"]
    paper = {**PAPER, "generator": {**layers, **PAPER["generator"]}}
    found: dict[str, Contender] = {
        "gcn": Network(
            "GCN by default: a picture from its codes, cooperation, operators", {"generator": layers}
        ),
        "gcn-references": Network("GCN that draws from seen pictures", {"generator": {"kind": "references"}}),
        "gcn-mask": Network(
            "the same as gcn, with a mask of the figure beside the picture", {**MASK, "generator": layers}
        ),
        "gcn-paper": Network("GCN as in the paper", paper),
    }
    for name, place in doors.RIVALS.items():
        kind = doors.find(place)
        found[name] = Network(kind.meaning, {"generator": {"kind": name, "parameters": parameters}})
    found["nearest cell"] = NearestCell()
    found["ridge"] = Ridge()
    for name in chosen:
        if name not in found:
            raise ConfigError(
                f"--methods {name}: no such method{suggest(name, list(found)) or ';'} known: {', '.join(found)}"
            )
    return {name: contender for name, contender in found.items() if not chosen or name in chosen}
