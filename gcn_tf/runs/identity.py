"""What a run is, in a form that all its parts carry: parts of different runs are never taken for one.

Checkpoints, the SavedModel, reports and augmented sets store it, and it is compared wherever two of them meet. This
protects from accidents such as files that were copied, edited or confused; whoever wants to forge a run still can.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import tensorflow as tf

from gcn_tf.config.kept import FREE as MAY_CHANGE
from gcn_tf.config.schema import OutputConfig, RunConfig, to_dict
from gcn_tf.errors import UserError, shown_text
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.machine import processor, usable_cores
from gcn_tf.pipelines.dataset import data_sha256
from gcn_tf.pipelines.split import Split

# A run may be lengthened, its data may lie elsewhere, XLA may join its operations, and it may log more or less; all else makes it
# another run.
FREE = {"steps", *MAY_CHANGE, *(entry.name for entry in fields(OutputConfig))}


@dataclass(frozen=True)
class Identity:
    """What all parts of a run have in common.

    Args:
        settings: those that make the run what it is, nested ones as "generator.trunk".
        factors: the values by factor name, in code order.
        data: SHA-256 of pictures and labels; "" if they are not at hand.
        seen: SHA-256 of the cells that training sees; "" if they are not at hand.
        order: of the ordered factors, the numbers of their values and then the period, by name.
    """

    settings: dict[str, Any]
    factors: dict[str, list[str]]
    data: str = ""
    seen: str = ""
    order: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: RunConfig, space: FactorSpace, split: Split | None = None) -> "Identity":
        """The identity of a run with these settings and factors, and with these pictures if they are at hand."""
        stored = json.loads(json.dumps(to_dict(config)))
        settings = _flat({key: value for key, value in stored.items() if key not in FREE})
        factors = {factor.name: list(factor.values) for factor in space}
        order = {f.name: [*map(float, (*f.numbers, f.period))] for f in space if f.numbers}
        if split is None:
            return cls(settings, factors, order=order)
        return cls(settings, factors, data_sha256(split.dataset), _seen_sha256(split), order)

    @classmethod
    def from_json(cls, stored: Any) -> "Identity":
        """What `to_json` gave; raise ValueError for anything else."""
        match {"order": {}, **stored} if isinstance(stored, dict) else stored:
            case {
                "settings": dict(settings),
                "factors": dict(factors),
                "data": str(data),
                "seen": str(seen),
                "order": dict(order),
            }:
                if all(isinstance(values, list) for values in (*factors.values(), *order.values())):
                    return cls(settings, factors, data, seen, order)
        raise ValueError("it has no identity")

    def to_json(self) -> dict[str, Any]:
        """Without the order where no factor is ordered."""
        return {key: value for key, value in asdict(self).items() if key != "order" or value}

    @property
    def name(self) -> str:
        """Sixteen hexadecimal digits that no other run has."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: "Identity") -> list[str]:
        """What differs of two runs, each as "seed is 0 and 1".

        Settings that only one of them knows are of another version of gcn-tf, and pictures that are not at hand cannot
        differ.
        """
        found = [
            f"{key} is {_text(value)} and {_text(other.settings[key])}"
            for key, value in self.settings.items()
            if key in other.settings and other.settings[key] != value
        ]
        if list(self.factors.items()) != list(other.factors.items()):  # in this order
            return [*found, _differing_factors(self.factors, other.factors)]
        found += [
            f"the order of {name} is {_text(self.order.get(name, 'none'))} and {_text(other.order.get(name, 'none'))}"
            for name in self.factors
            if self.order.get(name) != other.order.get(name)
        ]
        for what, one, two in (
            ("the pictures are", self.data, other.data),
            ("the seen cells are", self.seen, other.seen),
        ):
            if one and two and one != two:
                found.append(f"{what} {one[:12]} and {two[:12]} by SHA-256")
        return found

    def require_same(self, other: "Identity", here: Any, there: Any) -> None:
        """Raise UserError with both places and what differs, unless they are of one run."""
        if found := self.differences(other):
            raise UserError(
                f"{here} and {there} are of different runs ({'; '.join(found)}): put back what was changed"
            )


def _text(value: Any) -> str:
    return shown_text(str(value))


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _differing_factors(one: dict[str, list[str]], other: dict[str, list[str]]) -> str:
    if list(one) != list(other):
        return f"the factors are {_text(', '.join(one))} and {_text(', '.join(other))}"
    name = next(name for name in one if one[name] != other[name])
    if len(one[name]) != len(other[name]):
        return f"{name} has {len(one[name])} and {len(other[name])} values"
    place = next(n for n, pair in enumerate(zip(one[name], other[name], strict=True)) if pair[0] != pair[1])
    values = f"{_text(one[name][place])} and {_text(other[name][place])}"
    return f"value {place + 1} of {name} is {values}"


def _seen_sha256(split: Split) -> str:
    seen = split.rows(unseen=False)
    digest = hashlib.sha256()
    for array in (split.base[seen], split.ids[seen]):
        digest.update(np.ascontiguousarray(array, np.int32).tobytes())
    return digest.hexdigest()


def arithmetic() -> dict[str, Any]:
    """What decides about the last bit of a sum: training goes on to the same bits where all of this is the same."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    threads = threads or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0) or usable_cores()
    return {"threads": threads, "processor": processor(), "TensorFlow": tf.__version__}


def differing_arithmetic(stored: dict[str, Any]) -> list[str]:
    """What of `arithmetic` was different, each as "threads: 2 before, 1 now"."""
    return [
        f"{key}: {_text(stored[key])} before, {value} now"
        for key, value in arithmetic().items()
        if key in stored and stored[key] != value
    ]
