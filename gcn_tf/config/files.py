"""Settings from files: presets and YAML in, `config.yaml` out. No TensorFlow here.

Settings are resolved in this order, the later ones winning: the defaults of `gcn_tf.config.schema.RunConfig`, a preset
(`presets/NAME.yaml`), a `--config` file, the flags.
"""

import dataclasses
import itertools
import math
import os
import types
import typing
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from gcn_tf import doors
from gcn_tf.config.checks import LARGEST_NUMBER, check_config
from gcn_tf.config.data import DataConfig, named_builder, named_folder
from gcn_tf.config.networks import NetworkConfig
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.errors import ConfigError, shown, suggest
from gcn_tf.files import read_small

LARGEST_FILE = 200_000  # bytes; all settings of a run take 3,000
MOST_VALUES = 100_000  # in a file, with its aliases expanded
OWN_PICTURES = "pictures"  # folder in a run that keeps the pictures it was trained on
NEWCOMERS = "newcomers"  # folder in a run that keeps those of the values that were added later
KEPT_PICTURES = {"manual_dir": OWN_PICTURES, "newcomers": NEWCOMERS}


def with_settings(config: Any, settings: dict[str, Any], place: str) -> Any:
    """A copy of a config dataclass with `settings` applied, type-checked.

    Options of the config's dataset are given among the other settings; `dataset` itself is applied first.

    Raises:
        ConfigError: an unknown key (with the nearest spelling) or a value of the wrong type; the message names `place`.
    """
    if not isinstance(settings, dict):
        raise ConfigError(f"{place}: expected settings of the form 'key: value', found {shown(settings)}")
    if isinstance(config, DataConfig):
        settings, config = _of_dataset(dict(settings), config, place)
    hints = typing.get_type_hints(type(config))
    changes = {}
    for key, value in settings.items():
        if key not in hints or key == "options":
            raise ConfigError(f"{place}: unknown setting {shown(key)}{_hint(key, config)}")
        current = getattr(config, key)
        if isinstance(current, NetworkConfig):
            changes[key] = _network(key, current, value, f"{place}: {key}")
        elif dataclasses.is_dataclass(current):
            changes[key] = with_settings(current, value, f"{place}: {key}")
        else:
            changes[key] = _typed(hints[key], value, f"{place}: {key}")
    return dataclasses.replace(config, **changes)


def _of_dataset(settings: dict[str, Any], config: Any, place: str) -> tuple[dict[str, Any], Any]:
    """Apply `dataset` and the options of the dataset; return the other settings and the changed config."""
    if "dataset" in settings:
        dataset = _typed(str, settings.pop("dataset"), f"{place}: dataset")
        try:
            config = config.of_dataset(dataset)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None
    own = {entry.name for entry in fields(config.options)}
    options = {key: settings.pop(key) for key in list(settings) if key in own}
    return settings, replace(config, options=with_settings(config.options, options, place))


def _hint(key: Any, config: Any) -> str:
    """A hint for an unknown key: another spelling, or the datasets or kinds of network that have such a setting."""
    known = [entry.name for entry in fields(config) if entry.name != "options"]
    if isinstance(config, DataConfig):
        known += [entry.name for entry in fields(config.options)]
        if owners := datasets_with(str(key)):
            return f": the dataset {config.dataset} has no such setting, it belongs to {', '.join(owners)}"
    if isinstance(config, NetworkConfig):
        kinds = (doors.find(place) for place in (*doors.GENERATORS.values(), *doors.CLASSIFIERS.values()))
        if owners := [kind.kind for kind in kinds if key in {entry.name for entry in fields(kind)}]:
            return f": kind {config.kind} has no such setting, kind {' and '.join(owners)} has; add kind: {owners[0]}"
    return (suggest(key, known) if isinstance(key, str) else "") or f"; known: {', '.join(known)}"


def datasets_with(option: str) -> list[str]:
    """Names of the datasets that have an option of this name."""
    kinds = {name: doors.find(place) for name, place in doors.DATASETS.items()}
    return [name for name, kind in kinds.items() if option in {entry.name for entry in fields(kind)}]


def _network(key: str, current: NetworkConfig, value: Any, place: str) -> NetworkConfig:
    """Parse a network's settings: a mapping, whose `kind` may name another kind, or just the name of a kind."""
    settings = {"kind": value} if isinstance(value, str) else value
    if not isinstance(settings, dict):
        raise ConfigError(f"{place}: expected settings of the form 'key: value', found {shown(value)}")
    kinds = {"generator": doors.GENERATORS | doors.RIVALS, "classifier": doors.CLASSIFIERS}[key]
    kind = settings.get("kind", current.kind)
    if not isinstance(kind, str) or kind not in kinds:  # a list could not be looked up
        hint = suggest(kind, list(kinds)) if isinstance(kind, str) else ""
        raise ConfigError(f"{place}: there is no kind {shown(kind)}{hint or ';'} known: {', '.join(kinds)}")
    start = current if kind == current.kind else doors.find(kinds[kind])()
    rest = {name: setting for name, setting in settings.items() if name != "kind"}
    changed: NetworkConfig = with_settings(start, rest, place)
    return changed


def _typed(hint: Any, value: Any, place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if type(value) in arguments:
            return value if value is None else _typed(type(value), value, place)
        return _typed(arguments[0], value, place)
    if origin is Literal:
        if value in arguments and type(value) in map(type, arguments):  # 4.0 and True equal integers
            return value
        raise ConfigError(f"{place} is {shown(value)}: use one of {', '.join(map(str, arguments))}")
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_typed(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {_factor(k, place): _typed(arguments[1], v, f"{place}.{k}") for k, v in value.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _layer(hint, value, place)
    if hint is str and isinstance(value, str) and "\0" not in value:  # file names cannot contain it
        return value
    if hint is str and type(value) is int and abs(value) <= LARGEST_NUMBER:
        return str(value)
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 1e-4 as text
        except (ValueError, OverflowError):
            pass
    if hint in (int, bool) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", str(hint)) if origin is None else str(hint)
    raise ConfigError(f"{place} is {shown(value)}: expected {name}")


def _factor(name: Any, place: str) -> str:
    if isinstance(name, str) and name.isidentifier():
        return name
    raise ConfigError(f"{place} names {shown(name)}: expected the name of a factor, such as digit")


def _layer(kind: type, value: dict[str, Any], place: str) -> Any:
    required = [f.name for f in fields(kind) if f.default is dataclasses.MISSING]
    missing = [name for name in required if name not in value]
    if missing:
        raise ConfigError(f"{place}: a layer needs {', '.join(required)}; {', '.join(missing)} not given")
    return with_settings(kind(**dict.fromkeys(required, 1)), value, place)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read settings from a YAML file; raise ConfigError naming the file if it is missing or not a mapping."""
    try:
        settings = _parsed(read_small(path, LARGEST_FILE))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; give a YAML file of settings") from None
    except Exception as error:  # PyYAML raises a dozen types: `!!bool maybe` is a KeyError
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ConfigError(f"{path} is not YAML: {reason}") from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: expected settings of the form 'key: value'")
    return settings


def _parsed(content: bytes) -> Any:
    """Plain values of a YAML document; tags cannot create other objects."""
    loader = yaml.SafeLoader(content)
    node = loader.get_single_node()
    if node is None:
        return None
    if _size(node, {}) > MOST_VALUES:
        raise ValueError("its aliases expand to too many values")
    return loader.construct_document(node)


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """Number of values below a node with all aliases expanded; infinite if a node contains itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        flat = itertools.chain.from_iterable(children) if isinstance(node, yaml.MappingNode) else children
        known[id(node)] = 1 + sum(_size(child, known) for child in flat)
    return known[id(node)]


def preset_names() -> list[str]:
    folder = resources.files("gcn_tf.config") / "presets"
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def _with_preset(config: RunConfig, name: str) -> RunConfig:
    """Apply the settings of a preset to `config`; `extends: OTHER` in its file applies another preset first."""
    file = resources.files("gcn_tf.config") / "presets" / f"{name}.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    if base := settings.pop("extends", ""):
        config = _with_preset(config, base)
    return with_settings(config, settings, f"preset {name}")


def resolve(preset: str = "", dataset: str = "", config_file: Path | None = None) -> RunConfig:
    """Resolve settings: defaults, then the preset, then the YAML file.

    Args:
        preset: preset by name; empty: the file's preset, else the one named after the dataset.
        dataset: dataset by name; empty: the dataset of the file or the preset.

    Raises:
        ConfigError: an unknown preset or a bad file.

    Example:

    >>> from gcn_tf.config.files import resolve
    >>> config = resolve(dataset="faces")
    >>> config.preset, config.image_size, config.options.persons
    ('faces', 64, '20')
    """
    from_file = read_yaml(config_file) if config_file else {}
    in_file = {
        key: _typed(str, from_file.get(key, getattr(RunConfig, key)), f"{config_file}: {key}")
        for key in ("preset", "dataset")
    }
    named = preset or in_file["preset"]
    name = named or preset_of(dataset or in_file["dataset"])
    config = RunConfig()
    if name in preset_names():
        config = _with_preset(config, name)
    elif named:
        hint = suggest(name, preset_names()) or ";"
        place = "--preset" if preset else f"{config_file}: preset"
        raise ConfigError(f"{place} {shown(name)} is unknown{hint} known: {', '.join(preset_names())}")
    else:
        name = ""
    if dataset:  # a flag, which wins over the file: its errors name no file
        config = config.of_dataset(dataset)
        from_file = {key: value for key, value in from_file.items() if key != "dataset"}
    config = with_settings(config, from_file, str(config_file))
    return dataclasses.replace(_with_place(config, config_file), preset=name)


def preset_of(dataset: str) -> str:
    """Name of a dataset's own preset."""
    if named_builder(dataset):
        return "tfds"
    return "folder" if named_folder(dataset) else dataset.partition("/")[0]


def write_config(config: RunConfig, path: Path) -> None:
    """Write `config.yaml`. The pictures that a run keeps are named relative to it, so that it may be moved."""
    for setting, folder in KEPT_PICTURES.items():
        place = getattr(config, setting)
        if place and os.path.realpath(place) == os.path.realpath(path.parent / folder):
            config = _replaced(config, setting, folder)
    path.write_text(yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _with_place(config: RunConfig, path: Path | None) -> RunConfig:
    """The settings in the file `path` with the place of the pictures that its run keeps."""
    for setting, folder in KEPT_PICTURES.items():
        if path and getattr(config, setting) == folder:
            config = _replaced(config, setting, str(path.parent.absolute() / folder))
    return config


def _replaced(config: RunConfig, setting: str, value: Any) -> RunConfig:
    return replace(config, **{setting: value})


def _without_other_options(settings: dict[str, Any]) -> dict[str, Any]:
    """Drop the options of other datasets: the first version wrote those of all datasets into every run."""
    dataset = settings.get("dataset", DataConfig.dataset)
    own = doors.DATASETS.get(dataset.partition("/")[0]) if isinstance(dataset, str) else None
    kept = {entry.name for entry in fields(doors.find(own))} if own else set()
    return {
        key: value
        for key, value in settings.items()
        if key in kept or not (isinstance(key, str) and datasets_with(key))
    }


def read_config(path: Path) -> RunConfig:
    """Read the `config.yaml` of a run; raise ConfigError naming the file and the key.

    Example:

    >>> from pathlib import Path
    >>> from gcn_tf.config.files import read_config
    >>> read_config(Path("runs/demo/config.yaml")).dataset
    'glyphs'
    """
    config = with_settings(RunConfig(), _without_other_options(read_yaml(path)), str(path))
    try:
        check_config(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return _with_place(config, path)
