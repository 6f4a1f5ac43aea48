"""A study of newcomers on the disk: its settings, its entries, and what each of them says of itself."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gcn_tf.config.data import DataConfig
from gcn_tf.config.kept import settings_digest
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.studies.comparison.results import MethodResult, entry_path
from gcn_tf.studies.entries import read_entry
from gcn_tf.studies.materials import materials_sha256
from gcn_tf.studies.newcomers.methods import NewcomersMethod, Shared, newcomers_methods
from gcn_tf.studies.newcomers.task import Protocol, Task, newcomers_task


@dataclass(frozen=True)
class NewcomersStudy:
    """A study with all that its entries depend on.

    Args:
        config: the settings of the run; nothing is held out but the newcomers.
        protocol: which newcomers, and what they give.
        out: folder of the study.
        methods: by name.
    """

    config: RunConfig
    protocol: Protocol
    seeds: tuple[int, ...]
    out: Path
    methods: dict[str, NewcomersMethod] = field(default_factory=newcomers_methods)

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same when the study goes on."""
        protocol = {**asdict(self.protocol), "counts": list(self.protocol.counts)}
        return {"experiment": "newcomers", "protocol": protocol, **to_dict(self.config)}

    def methods_of(self, count: int) -> dict[str, NewcomersMethod]:
        """Those that take so many pictures of a newcomer."""
        return {n: m for n, m in self.methods.items() if m.most_given is None or count <= m.most_given}

    def config_of(self, seed: int) -> RunConfig:
        return replace(self.config, seed=seed)

    def task(self, dataset: Dataset, count: int, seed: int) -> Task:
        return newcomers_task(dataset, self.protocol, count, seed)

    def path(self, name: str, count: int, seed: int) -> Path:
        """The file of an entry."""
        return entry_path(self.out, f"{name} {count}", seed)

    def origin(self, name: str, count: int, seed: int) -> dict[str, Any]:
        """What an entry says of itself: settings and data of the study, and its own."""
        own = {key: repr(value) for key, value in vars(self.methods[name]).items() if key != "meaning"}
        return {
            **self._origin_of_seed(seed),
            "method": name,
            "method_settings": settings_digest({**own, "shared": repr(self.methods[name].shared)}),
            "count": count,
        }

    def shared(self) -> dict[str, Shared]:
        """What methods share, by name, each once."""
        return {method.shared.name: method.shared for method in self.methods.values() if method.shared}

    def shared_path(self, name: str, seed: int) -> Path:
        """The file that says that a shared part is there, and how long it took."""
        return self.out / "shared" / f"{name}-seed{seed}.npz"

    def shared_origin(self, name: str, seed: int) -> dict[str, Any]:
        return {**self._origin_of_seed(seed), "shared": repr(self.shared()[name])}

    def run_dir(self, name: str, seed: int) -> Path:
        """Folder of a training."""
        return self.out / "runs" / f"{name}-seed{seed}"

    def read_shared(self, name: str, seed: int) -> tuple[float, bool]:
        """Seconds that a shared part took, and whether it diverged."""
        with read_entry(self.shared_path(name, seed), self.shared_origin(name, seed)) as file:
            return float(file["seconds"]), bool(file["diverged"])

    def results(self) -> dict[int, dict[str, list[MethodResult]]]:
        """The entries by number of pictures and method, one for each seed."""
        return {
            count: {
                name: [
                    MethodResult.read(self.path(name, count, seed), self.origin(name, count, seed))
                    for seed in self.seeds
                ]
                for name in self.methods_of(count)
            }
            for count in self.protocol.counts
        }

    def _origin_of_seed(self, seed: int) -> dict[str, Any]:
        data = materials_sha256(self.config.part(DataConfig))
        return {"study": settings_digest({**self.settings, "data_sha256": data}), "seed": seed}
