"""The search space: which settings vary, and over what. No TensorFlow here.

A space is a dict from a setting's name, dotted as in `generator.activation`, to a `Range` or to `Choices`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args

from gcn_tf.config.checks import check_config
from gcn_tf.config.files import read_yaml, with_settings
from gcn_tf.config.schema import Activation, RunConfig
from gcn_tf.errors import ConfigError, suggest

WIDTHS = "widths"  # not a setting by itself: "0.7 x 1.4" scales the layers of generator and classifier
WIDTH_FACTORS = (0.5, 0.7, 1.0, 1.4)
HALVING_FROM = 1000  # steps; a training that is shorter is never halved
LOG_FROM = 10.0  # a range whose ends differ by this factor or more is searched on a logarithmic scale
# Flags of train that a search varies unless they are given.
VARIED = (
    *("pixel_weight", "classification_weight", "factor_weights", "imagined_weight"),
    *("cooperation", "classifier_learns_from", "learning_rate", "beta_2", "schedule"),
)
Condition = tuple[str, tuple[str, ...]]  # a setting and the values of it under which another one matters

_COOPERATING: Condition = ("cooperation", ("joint", "frozen"))


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where the setting is one.

    Args:
        log: bool. Whether equal factors, not equal differences, are equally far.
        when: conditions under which the setting matters; outside it is not varied.
    """

    low: float
    high: float
    log: bool
    whole: bool = False
    when: tuple[Condition, ...] = ()

    def text(self) -> str:
        """`"0.0001..0.001, log scale"`."""
        return f"{self.low:g}..{self.high:g}{', log scale' if self.log else ''}"


@dataclass(frozen=True)
class Choices:
    """One of several values, all strings or all numbers; a single one is fixed."""

    values: tuple[Any, ...]
    when: tuple[Condition, ...] = ()

    def text(self) -> str:
        """`"relu, elu"` or `"0.99 (fixed)"`."""
        listed = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in self.values)
        return listed if self.values[1:] else f"{listed} (fixed)"


SpaceEntry = Range | Choices
Space = dict[str, SpaceEntry]


def default_space(config: RunConfig, names: Sequence[str], widths: Sequence[str]) -> Space:
    """What varies by default.

    Args:
        config: the settings that the search begins with.
        names: factors of the dataset.
        widths: pairs of width factors within the budget, "generator x classifier".
    """
    if not config.generator.cooperates:
        return {
            f"generator.{name}": Range(low, high, low > 0 and high / low >= LOG_FROM)
            for name, (low, high) in config.generator.searched.items()
        }
    space: Space = {
        "pixel_weight": Range(0.3, 3.0, True),
        **{
            f"factor_weights.{name}": Range(0.2, 20.0, True, when=(_COOPERATING,))
            for name in names
            if config.weight_of(name)  # a factor that nobody is asked about stays so
        },
        "cooperation": Choices(("joint", "frozen", "none")),
        "classifier_learns_from": Choices(("real", "generated", "both"), when=(("cooperation", ("joint",)),)),
        **_activations(config, "generator"),
        **_activations(config, "classifier", _COOPERATING),
        "learning_rate": Range(config.learning_rate / 4, config.learning_rate * 4, True),
        "beta_2": Choices((0.9, 0.95, 0.98, 0.99, 0.995, 0.999)),
        "schedule": Choices(("cosine", "constant")),
        WIDTHS: Choices(tuple(widths)),
    }
    if config.imagined_share > 0:
        space["imagined_weight"] = Range(0.05, 1.0, True, when=(_COOPERATING,))
    if config.steps > HALVING_FROM:
        space["schedule"] = Choices(("cosine", "halving", "constant"))
    return space


def _activations(config: RunConfig, network: str, *when: Condition) -> Space:
    """The activation of a network and its slope, of kinds that have them."""
    leaky: Condition = (f"{network}.activation", ("leaky_relu",))
    space: Space = {
        f"{network}.activation": Choices(get_args(Activation), when=when),
        f"{network}.negative_slope": Range(0.02, 0.3, True, when=(*when, leaky)),
    }
    return {key: entry for key, entry in space.items() if current(config, key) is not None}


def narrowed(space: Space, specs: Mapping[str, Any], config: RunConfig, place: str) -> Space:
    """A space with some settings narrowed, fixed or added.

    `classification_weight` stands for the weights of all factors that are not named themselves.

    Args:
        specs: by setting: "LOW..HIGH", several values ("relu,elu" or a list), or one value, which fixes it.
        config: what types and limits the values are checked by.
        place: where the specs stand, for errors.

    Raises:
        ConfigError: an unknown setting, a value of the wrong type or out of range, an empty range.
    """
    specs = dict(specs)
    for_all = specs.pop("classification_weight", None)
    if for_all is not None:
        weights = [key for key in space if key.startswith("factor_weights.")]
        specs = {**dict.fromkeys(weights, for_all), **specs}
    changed = {**space, **{key: _entry(space, key, spec, config, place) for key, spec in specs.items()}}
    return {key: entry for key, entry in changed.items() if _reachable(entry, changed)}


def _reachable(entry: SpaceEntry, space: Space) -> bool:
    """Whether the conditions of a setting can hold at all."""
    parents = [(space[parent], values) for parent, values in entry.when if parent in space]
    return all(isinstance(p, Choices) and set(p.values) & set(values) for p, values in parents)


def _entry(space: Space, key: str, spec: Any, config: RunConfig, place: str) -> SpaceEntry:
    known = space.get(key)
    when = known.when if known else ()
    where = f"{place}: {key}"
    if key == WIDTHS:
        assert isinstance(known, Choices)
        return Choices(tuple(_among(v, known.values, where) for v in _listed(spec)), when)
    if isinstance(spec, str) and ".." in spec:
        low, high = (_checked(config, space, key, end, place) for end in spec.split("..", 1))
        if isinstance(low, (bool, str)) or not low < high:
            raise ConfigError(f"{where} is {spec!r}: give a number, two dots and a larger number")
        whole = isinstance(low, int)
        log = known.log if isinstance(known, Range) else low > 0 and high / low >= LOG_FROM
        return Range(low, high, log and low > 0, whole, when)
    return Choices(tuple(_checked(config, space, key, value, place) for value in _listed(spec)), when)


def _listed(spec: Any) -> list[Any]:
    values = spec.split(",") if isinstance(spec, str) else spec if isinstance(spec, list) else [spec]
    return list(dict.fromkeys(v.strip() if isinstance(v, str) else v for v in values))


def _among(value: Any, known: Sequence[Any], where: str) -> Any:
    if value not in known:
        raise ConfigError(f"{where} is {value!r}: within the budget of parameters are {', '.join(known)}")
    return value


def _checked(config: RunConfig, space: Space, key: str, value: Any, place: str) -> Any:
    """The value with the setting's type; raises ConfigError unless the setting can have it."""
    present = current(config, key)
    if present is None or isinstance(present, (dict, tuple)) or is_dataclass(present):
        known = [*space, *(e.name for e in fields(RunConfig) if not is_dataclass(getattr(config, e.name)))]
        raise ConfigError(
            f"{place}: {key!r} is no setting that a search can vary{suggest(key, known) or ';'} see gcn-tf tune --dry-run"
        )
    if isinstance(value, str) and isinstance(present, int) and not isinstance(present, bool):
        try:
            value = int(value)
        except ValueError:
            raise ConfigError(f"{place}: {key} is {value!r}: give a whole number") from None
    if isinstance(value, str) and isinstance(present, bool):
        value = {"true": True, "false": False}.get(value.lower(), value)
    changed = with_settings(config, nested({key: value}, config), place)
    check_config(changed)
    return current(changed, key)


def current(config: RunConfig, key: str) -> Any:
    """The value of a dotted setting in a config; None where there is no such setting."""
    if key == WIDTHS:
        return widths_text(1.0, 1.0)
    head, _, rest = key.partition(".")
    if head == "factor_weights" and rest:
        return config.factor_weights.get(rest, config.classification_weight)
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name, None)
    return value


def nested(values: Mapping[str, Any], config: RunConfig) -> dict[str, Any]:
    """`{"generator.activation": "elu"}` as `with_settings` takes it: `{"generator": {"activation": "elu"}}`."""
    settings: dict[str, Any] = {}
    for key, value in values.items():
        *path, name = key.split(".")
        place = settings
        for step in path:
            start = dict(config.factor_weights) if step == "factor_weights" else {}
            place = place.setdefault(step, start)
        place[name] = value
    return settings


def read_space_file(path: Path) -> dict[str, Any]:
    """Specs of a YAML file, by dotted setting; networks may be nested mappings."""

    def flat(settings: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
        for key, value in settings.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}", value

    return dict(flat(read_yaml(path), ""))


def parse_specs(words: Sequence[str]) -> dict[str, str]:
    """`key=spec` words; raises ConfigError for one without an equals sign."""
    specs = {}
    for word in words:
        key, equals, spec = word.partition("=")
        if not equals or not spec:
            raise ConfigError(
                f"--space {word}: write setting=LOW..HIGH, setting=a,b,c or setting=value, e.g. learning_rate=1e-4..1e-3"
            )
        specs[key] = spec
    return specs


def trial_config(config: RunConfig, values: Mapping[str, Any], share: float = 1.0) -> RunConfig:
    """The settings of a trial.

    Args:
        values: by dotted setting, or `widths`.
        share: of the steps, for a trial that is cut short; schedules and ramps shrink with it.
    """
    values = dict(values)
    scale = values.pop(WIDTHS, None)
    if scale is not None:
        generator, classifier = (float(part) for part in scale.split(" x "))
        config = replace(
            config,
            generator=config.generator.scaled(generator),
            classifier=config.classifier.scaled(classifier),
        )
    config = with_settings(config, nested(values, config), "trial")
    steps = max(1, round(config.steps * share))
    return replace(config, steps=steps, classifier_steps=round(config.classifier_steps * share))


def varied(space: Space) -> list[str]:
    """The settings that are not fixed."""
    return [key for key, e in space.items() if not (isinstance(e, Choices) and len(e.values) == 1)]


def exact(value: Any, entry: SpaceEntry) -> Any:
    """A value that came over the network, where KerasTuner rounds numbers to float32, as the space has it."""
    if isinstance(entry, Choices) and isinstance(value, float):
        return min(entry.values, key=lambda choice: abs(choice - value))
    return value


def widths_text(generator: float, classifier: float) -> str:
    """`"0.5 x 1"`, a value of `widths`."""
    return f"{generator:g} x {classifier:g}"
