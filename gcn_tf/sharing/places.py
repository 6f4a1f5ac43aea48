"""Settings that name places of this machine, taken out of what is handed on."""

import html
import json
import re
from dataclasses import dataclass, fields
from typing import Any

import yaml

from gcn_tf.config.files import KEPT_PICTURES, with_settings
from gcn_tf.config.kept import PLACES
from gcn_tf.config.schema import RunConfig, to_dict

LEFT_OUT = "left out"


def without_places(config: RunConfig) -> RunConfig:
    """Settings for a bundle: whoever has the pictures puts them into its folder `pictures`, and they are found.

    Example:

    >>> from gcn_tf.config.schema import RunConfig
    >>> from gcn_tf.sharing.places import without_places
    >>> without_places(RunConfig.of("folder", manual_dir="/home/anna/signs")).manual_dir
    'pictures'
    """
    known = {entry.name for part in (config, config.options) for entry in fields(part)}
    stored = to_dict(config)
    new = {name: KEPT_PICTURES.get(name, "") if stored.get(name) else stored.get(name) for name in PLACES}
    new["data_dir"] = None
    changed: RunConfig = with_settings(config, {n: v for n, v in new.items() if n in known}, "share")
    return changed


@dataclass(frozen=True)
class Places:
    """The places that a run's settings name, and what a bundle says instead.

    Args:
        old, new: values by setting, of the run and of the bundle.
    """

    old: dict[str, Any]
    new: dict[str, Any]

    @classmethod
    def of(cls, config: RunConfig, shared: RunConfig) -> "Places":
        before, after = to_dict(config), to_dict(shared)
        names = [name for name in PLACES if before.get(name) != after.get(name)]
        return cls({name: before[name] for name in names}, {name: after[name] for name in names})

    def out_of_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Stored settings without the places."""
        return {name: self.new.get(name, value) for name, value in settings.items()}

    def out_of_yaml(self, text: str) -> str:
        """The same of YAML, alone or within a page; comments stay. Long values go on in indented lines."""
        for name, value in self.new.items():
            line = yaml.safe_dump({name: value}, allow_unicode=True)
            text = re.sub(rf"^{name}:.*\n(?:[ \t]+.*\n)*", line, text, flags=re.MULTILINE)
        return self.out_of_text(text)

    def out_of_text(self, text: str) -> str:
        """The same wherever a place is named in a text, as it is or escaped for JSON or HTML."""
        for name, value in sorted(self.old.items(), key=lambda pair: -len(str(pair[1]))):
            place = str(value)
            for written in (place, json.dumps(place)[1:-1], html.escape(place), html.escape(place, False)):
                if "/" in written:
                    text = text.replace(written, str(self.new[name] or LEFT_OUT))
        return text
