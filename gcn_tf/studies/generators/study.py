"""A study of generators on the disk: its settings, its entries, and what each of them says of itself."""

import functools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gcn_tf.config.kept import settings_digest
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.files import read_json_object
from gcn_tf.model.size import count_weights
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.studies.comparison.results import MethodResult, entry_path
from gcn_tf.studies.entries import read_entry
from gcn_tf.studies.generators.methods import TUNED, Contender, Network, contenders, layers_by_default
from gcn_tf.studies.generators.task import HOLDOUT, Size, Task, data_of, make_task, with_identities
from gcn_tf.studies.materials import loaded, materials_sha256

REMEDY = "delete it, and give the same command again"
FEWEST_STEPS = 20
# Whose curve over amounts of data is drawn where no methods are chosen: more lines could not be read.
FAMILIES = (
    *("gcn", "gcn-references", "gcn-paper", "dosovitskiy", "cgan", "acgan", "projection", "cvae"),
    *("pix2pix", "nearest cell", "ridge"),
)


@dataclass(frozen=True)
class Protocol:
    """On which terms methods are compared.

    Args:
        methods: names; empty: all.
        budget: seconds of training that each has.
        trials: settings that a search tries for each; 0: none is tuned.
        shares: of the seen pictures that are given, beside all of them.
        identities: numbers of writers or persons, beside the dataset's own.
    """

    methods: tuple[str, ...] = ()
    budget: float = 60.0
    trials: int = 4
    shares: tuple[float, ...] = (0.125, 0.25, 0.5)
    identities: tuple[int, ...] = ()


@dataclass(frozen=True)
class Job:
    """A method with a seed, and how much it learns from."""

    name: str
    size: Size
    seed: int

    @property
    def file_name(self) -> str:
        """Without the seed."""
        return f"{self.name} {self.size.name}"


@dataclass(frozen=True)
class GeneratorsStudy:
    """A study with all that its entries depend on.

    Args:
        config: the settings that all methods start from.
        out: folder of the study.
    """

    config: RunConfig
    protocol: Protocol
    seeds: tuple[int, ...]
    out: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same when the study goes on; methods, seeds, sizes and tuned settings may be added."""
        free = {"methods", "trials", "shares", "identities"}
        protocol = {key: value for key, value in asdict(self.protocol).items() if key not in free}
        return {"experiment": "generators", "protocol": protocol, **to_dict(self.config)}

    @property
    def sizes(self) -> list[Size]:
        """The whole dataset, parts of it, and other numbers of identities."""
        parts = [Size(0, share) for share in self.protocol.shares]
        return list(dict.fromkeys([Size(), *parts, *map(Size, self.protocol.identities)]))

    def config_of(self, size: Size) -> RunConfig:
        """The settings of a number of identities."""
        return (
            with_identities(self.config, loaded(data_of(self.config)), size.identities)
            if size.identities
            else self.config
        )

    def task(self, dataset: Dataset, job: Job) -> Task:
        return make_task(dataset, HOLDOUT, job.seed, job.size.share)

    @functools.cached_property
    def parameters(self) -> int:
        """Of both networks of the GCN by default, for the dataset as it is."""
        dataset = loaded(data_of(self.config))
        return count_weights(layers_by_default(self.config), dataset.space.sizes, dataset.image_shape)

    @functools.cached_property
    def contenders(self) -> dict[str, Contender]:
        """Methods with the settings of their papers, by name."""
        return contenders(self.config, self.parameters, self.protocol.methods)

    @property
    def names(self) -> list[str]:
        """All methods, each tuned one behind the one that it was."""
        tuned = self.protocol.trials > 0
        names = [
            [n, n + TUNED] if tuned and isinstance(c, Network) else [n] for n, c in self.contenders.items()
        ]
        return [name for pair in names for name in pair]

    @property
    def names_of_parts(self) -> list[str]:
        """Methods that learn from other amounts of data as well: those that were chosen, else one or two of each family."""
        return [name for name in self.contenders if self.protocol.methods or name in FAMILIES]

    def contender(self, name: str) -> Contender:
        """A method; a tuned one has the settings that its search found."""
        plain = self.contenders[name.removesuffix(TUNED)]
        if not name.endswith(TUNED):
            return plain
        assert isinstance(plain, Network)
        best = read_json_object(self.best_path(name), REMEDY)
        return replace(plain, meaning=f"{plain.meaning}, tuned", settings=best["settings"])

    def jobs(self) -> list[Job]:
        """Everything that is computed; parts of the data are learned by methods as they are, not by tuned ones."""
        whole = [Job(name, Size(), seed) for seed in self.seeds for name in self.names]
        parts = [
            Job(name, size, seed)
            for size in self.sizes[1:]
            for seed in self.seeds
            for name in self.names_of_parts
        ]
        return whole + parts

    def best_path(self, name: str) -> Path:
        """What the search for a method's settings found."""
        return self.out / "tuned" / f"{name.removesuffix(TUNED)}.json"

    def speed_path(self, name: str, size: Size) -> Path:
        """The file that says how many steps a method has in its seconds."""
        return (
            self.out
            / "speed"
            / f"{Job(name, Size(size.identities), 0).file_name.replace(' ', '-').replace(',', '')}.json"
        )

    def steps(self, job: Job) -> int:
        """Steps that the method has in its seconds."""
        return int(read_json_object(self.speed_path(job.name, job.size), REMEDY)["steps"])

    def run_config(self, job: Job) -> RunConfig:
        """The settings that a job's method starts from."""
        steps = self.steps(job) if isinstance(self.contenders[job.name.removesuffix(TUNED)], Network) else 1
        return replace(
            self.config_of(job.size),
            seed=job.seed,
            steps=steps,
            log_steps=max(1, steps // 20),
            image_steps=max(1, steps // 10),
            checkpoint_steps=max(1, steps // 3),
        )

    def path(self, job: Job) -> Path:
        """The file of an entry."""
        return entry_path(self.out, job.file_name.replace(",", ""), job.seed)

    def run_dir(self, job: Job) -> Path:
        return self.out / "runs" / self.path(job).stem

    def origin(self, job: Job) -> dict[str, Any]:
        """What an entry says of itself: settings and data of the study, and its own."""
        contender = self.contender(job.name)
        own = {key: repr(value) for key, value in vars(contender).items() if key != "meaning"}
        data = materials_sha256(data_of(self.config_of(job.size)))
        return {
            "study": settings_digest({**self.settings, "data_sha256": data}),
            "method": job.name,
            "method_settings": settings_digest(own),
            "size": job.size.name,
            "seed": job.seed,
        }

    def result(self, job: Job) -> MethodResult:
        return MethodResult.read(self.path(job), self.origin(job))

    def facts(self, job: Job) -> dict[str, Any]:
        """What is kept of an entry beside its scores: "steps", "seconds", "collapsed", "diversity" and "curve"."""
        with read_entry(self.path(job), self.origin(job)) as file:
            found: dict[str, Any] = json.loads(str(file["facts"]))
        return found
