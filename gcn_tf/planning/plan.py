"""A plan: the settings that suit a folder of own pictures and this machine, each with its reason."""

import textwrap
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from gcn_tf.config.files import with_settings
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.files import write_atomically
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import Split, split_dataset
from gcn_tf.planning.fingerprint import Fingerprint
from gcn_tf.planning.rules import (
    TRAINING_SECONDS,
    Decision,
    decisions,
    planned_holdout,
    planned_sizes,
    planned_steps,
)
from gcn_tf.training.prepare import prepare
from gcn_tf.training.speed import seconds_per_step

LONGEST_LINE = 110  # characters of a reason in a file


@dataclass(frozen=True)
class Plan:
    """Settings with their reasons.

    Args:
        config: all settings of the run that is planned.
        found: what they were made from.
        decisions: those that were decided here, in the order in which people should read them.
    """

    config: RunConfig
    found: Fingerprint
    decisions: tuple[Decision, ...]

    def with_decision(self, decision: Decision, given: Collection[str]) -> "Plan":
        """The plan with one more decision, except about what was given."""
        settings = {key: value for key, value in decision.settings.items() if key not in given}
        if not settings:
            return self
        config = with_settings(self.config, settings, "plan")
        return replace(self, config=config, decisions=(*self.decisions, replace(decision, settings=settings)))

    def lines(self) -> list[str]:
        """The fingerprint, and each decision with its reason, for the terminal."""
        made = [f"{_short(decision.settings)}: {decision.reason}" for decision in self.decisions]
        return [*self.found.lines(), *(f"plan         {line}" for line in made)]

    def write(self, path: Path) -> Path:
        """Write all settings as YAML with the reasons as comments, to be edited and given to --config."""
        text = "".join(f"# {line}\n" for line in (*self.found.lines(), "Edit this, and give it to --config."))
        settings = to_dict(self.config)
        for decision in self.decisions:
            text += "\n" + "".join(f"# {line}\n" for line in textwrap.wrap(decision.reason, LONGEST_LINE))
            text += _yaml({key: settings.pop(key) for key in decision.settings if key in settings})
        text += f"\n# As for every folder of own pictures.\n{_yaml(settings)}"
        write_atomically(path, lambda path: path.write_text(text, encoding="utf-8"))
        return path


def make_plan(config: RunConfig, given: Collection[str] = ()) -> Plan:
    """Look at the pictures of a dataset, time a few training steps, and choose the settings.

    Args:
        config: settings before the plan: which dataset, and what was given.
        given: names of the settings that stay as they are.

    Raises:
        UserError: pictures that cannot be loaded, or settings that they do not allow.
    """
    native = None if "image_size" in given else config.options.native_size(config)
    for size in planned_sizes(native) if native else [None]:
        plan, split = _plan(config, given, native, size)
        found = replace(plan.found, seconds_per_step=seconds_per_step(prepare(plan.config, split)))
        plan = replace(plan, found=found)
        steps = planned_steps(found, plan.config.batch_size)
        if steps.wanted * found.seconds_per_step <= TRAINING_SECONDS:
            break
    return plan.with_decision(steps.decision, given)


def _plan(
    config: RunConfig, given: Collection[str], native: tuple[int, int] | None, size: Decision | None
) -> tuple[Plan, Split]:
    """Everything but the number of steps, for pictures of a size."""
    if size:
        config = with_settings(config, size.settings, "plan")
    dataset = load_dataset(config)
    unseen = planned_holdout(dataset)
    if "holdout" not in given:
        config = with_settings(config, unseen.settings, "plan")
    split = split_dataset(dataset, config.holdout, config.seed)
    found = Fingerprint.of(split, native)
    plan = Plan(config, found, (size,) if size else ())
    for decision in (unseen, *decisions(found)):
        plan = plan.with_decision(decision, given)
    return plan, split


def _yaml(settings: dict[str, Any]) -> str:
    """A line for every setting, and for every layer of a network."""

    def line(key: str, value: Any) -> str:
        nested = isinstance(value, (dict, list))
        style = None if nested else False
        return yaml.safe_dump(
            {key: value}, sort_keys=False, allow_unicode=True, default_flow_style=style, width=200
        )

    return "".join(line(key, value) for key, value in settings.items())


def _short(settings: dict[str, Any]) -> str:
    """Settings in a few words: networks by their names alone."""
    return ", ".join(
        key if isinstance(value, dict) else f"{key} {' '.join(value) if isinstance(value, list) else value}"
        for key, value in settings.items()
    )
