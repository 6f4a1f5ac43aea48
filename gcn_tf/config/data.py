"""Settings of the data: those of every dataset, and the contract of a dataset's own options. No TensorFlow here.

A dataset is a frozen dataclass: its fields are settings, with defaults, docstrings and ranges, which become flags and keys of
YAML files; its `load` returns the pictures. `gcn_tf.doors` names the classes.
"""

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from gcn_tf import doors
from gcn_tf.config.checks import Range
from gcn_tf.errors import ConfigError, shown, shown_text, suggest

IMAGE_SIDES = (28, 1024)  # smallest and largest
TFDS = "tfds:"  # what the names of TensorFlow Datasets begin with
SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")  # of rectangles


@dataclass(frozen=True)
class Terms:
    """Under which terms a dataset's pictures are, for those who hand on what was learned from them.

    Args:
        licence: one line; "": not known, whoever brings the pictures has to say.
        licence_id: the same by its id on the Hugging Face Hub, such as "cc-by-4.0"; "other" if it has none.
        citation: who made it, in one line.
        people: whether people can be seen; None: not known.
        passed_on: whether the pictures themselves may be handed on.
    """

    licence: str = ""
    licence_id: str = ""
    citation: str = ""
    people: bool | None = None
    passed_on: bool = True


@dataclass(frozen=True)
class DatasetOptions(ABC):
    """A dataset's own settings, and how it is loaded.

    Attributes:
        grid: one line for `gcn-tf datasets`: the factors and how many values each has.
        needs: one line: what it needs to load.
        possible_factors: every factor that its grid can have; presets may weight all of them.
        planned: whether `train` plans its settings from the pictures, instead of a preset made by hand.
        subsets: names after the slash of `--dataset NAME/SUBSET`, the default first.
        takes_files: whether it reads --manual-dir.
        terms: under which its pictures are.
    """

    FLAT: ClassVar = True  # in files and on the command line its settings stand beside the others

    grid: ClassVar[str]
    needs: ClassVar[str]
    possible_factors: ClassVar[tuple[str, ...]]
    planned: ClassVar[bool] = False
    subsets: ClassVar[tuple[str, ...]] = ()
    takes_files: ClassVar[bool] = False
    terms: ClassVar[Terms] = Terms()

    @abstractmethod
    def load(self, config: "DataConfig") -> Any:
        """Load the dataset, a `gcn_tf.pipelines.dataset.Dataset`; raise UserError for unusable settings or files.

        Import TensorFlow and other heavy modules here, not at the top of the file.
        """

    def labelled_pictures(self, config: "DataConfig", identities: int) -> Any:
        """Load all labelled pictures of a classification task, `gcn_tf.pipelines.labelled.LabelledPictures`.

        `gcn-tf study augmentation` needs them; datasets without such a task do not override this method.
        """
        raise NotImplementedError

    def identities(self) -> int:
        """Number of writers or persons that a classification task learns from; raise ConfigError if ids are given."""
        raise NotImplementedError

    @property
    def picture_channels(self) -> int:
        """Channels of the pictures, 1 or 3."""
        return 3

    def native_size(self, config: "DataConfig") -> tuple[int, int] | None:
        """Height and width of the pictures at the median before they are resized; None: they are made in any size."""
        return None

    def resolved(self, dataset: Any) -> Self:
        """The same options with what the pictures of the `gcn_tf.pipelines.dataset.Dataset` decide, for the record of a run."""
        return self

    @property
    def content_box(self) -> tuple[int, ...]:
        """Part of the pictures that users get, (top, left, height, width): without padding; () for all of them."""
        return ()

    @property
    def exemplar_counts(self) -> tuple[int, ...]:
        """Numbers of pictures per class and identity that the augmentation study tries; empty if it has no such task."""
        return ()


def dataset_options(dataset: str) -> type[DatasetOptions]:
    """The class of a dataset's options; raises ConfigError for an unknown name or subset.

    Args:
        dataset: "NAME" or "NAME/SUBSET".
    """
    name, _, subset = dataset.partition("/")
    if name not in doors.DATASETS:
        hint = suggest(name, list(doors.DATASETS))
        raise ConfigError(
            f"--dataset {shown(name)} is unknown{hint or ';'} known: {', '.join(doors.DATASETS)}"
        )
    kind: type[DatasetOptions] = doors.find(doors.DATASETS[name])
    if subset and subset not in kind.subsets:
        known = ", ".join(f"{name}/{s}" for s in kind.subsets) or f"{name} alone, it has no subsets"
        raise ConfigError(f"--dataset {shown(dataset)} has no subset {shown(subset)}: use {known}")
    return kind


def named_folder(dataset: str) -> Path | None:
    """The folder of own pictures that `dataset` is the path of; None for the name of a dataset."""
    if not dataset or dataset.startswith(TFDS) or dataset.partition("/")[0] in doors.DATASETS:
        return None
    path = expanded(dataset, "dataset")
    named = "/" in dataset or dataset[:1] in ("~", ".") or os.path.exists(path)
    return Path(os.path.realpath(path)) if named else None


def named_builder(dataset: str) -> str:
    """The dataset of TensorFlow Datasets that `dataset` names after "tfds:"; "" for others."""
    return dataset.removeprefix(TFDS) if dataset.startswith(TFDS) else ""


def expanded(folder: str, flag: str) -> Path:
    """A path with ~ replaced by the user's home; raises ConfigError naming the flag if there is none."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"--{flag} {shown_text(folder)}: that user has no home here, give the whole path"
        ) from None


def _default_options() -> DatasetOptions:
    return dataset_options(DataConfig.dataset)()


@dataclass(frozen=True)
class DataConfig:
    """Which pictures.

    Example:

    >>> from gcn_tf.config.data import DataConfig
    >>> data = DataConfig.of("faces", persons="5", image_size=32)
    >>> data.options.persons, data.image_size, data.subset
    ('5', 32, '')
    """

    dataset: str = "glyphs"
    """Dataset by name, with a subset if it has any: qmnist, qmnist/train (`gcn-tf datasets` lists them); or the path of a
    folder of own pictures, or tfds:NAME of TensorFlow Datasets."""
    options: DatasetOptions = field(default_factory=_default_options)
    """The dataset's own settings."""
    image_size: Annotated[int | str, Range(*IMAGE_SIDES)] = 28
    """Side of the pictures in pixels, for datasets that come in several sizes; of own pictures also HEIGHTxWIDTH: 96x64."""
    upright: bool = False
    """Set figures upright before anything learns from them: in the middle, without slant, of one height.
    For figures on plain black or white; augment sets what it generates in poses of the pictures again."""
    data_dir: str | None = None
    """Folder of the prepared data; default: gcn-tf in the user's cache."""
    manual_dir: str | None = None
    """Folder with the dataset's files, for datasets whose files you obtain yourself."""

    @classmethod
    def of(cls, dataset: str = "glyphs", **settings: Any) -> Self:
        """Create a config, with the dataset's own options among the settings: `DataConfig.of("glyphs", writers="3")`."""
        if folder := named_folder(dataset):
            return cls.of("folder", **{"manual_dir": str(folder), **settings})
        if builder := named_builder(dataset):
            return cls.of("tfds", **{"builder": builder, **settings})
        kind = dataset_options(dataset)
        own = {entry.name for entry in fields(kind)}
        options = kind(**{name: value for name, value in settings.items() if name in own})
        rest = {name: value for name, value in settings.items() if name not in own}
        for name in rest.keys() - {entry.name for entry in fields(cls)}:
            raise ConfigError(f"{name}: the dataset {dataset} has no such setting, it has {', '.join(own)}")
        return cls(dataset=dataset, options=options, **rest)

    def check_settings(self) -> None:
        """Raise ConfigError for a malformed size, --manual-dir for a dataset that reads no files, or a ~ that leads nowhere."""
        _ = self.folders, self.image_sides
        if self.manual_dir and not self.options.takes_files:
            takers = [n for n, place in doors.DATASETS.items() if doors.find(place).takes_files]
            raise ConfigError(
                f"--manual-dir {shown_text(self.manual_dir)}: the dataset {self.dataset} reads no files; those that do are "
                f"{', '.join(takers)}"
            )

    @property
    def subset(self) -> str:
        """The chosen subset, or the dataset's first; empty if it has none."""
        return self.dataset.partition("/")[2] or next(iter(self.options.subsets), "")

    @property
    def file_name(self) -> str:
        """A name for files and folders about this dataset: its own, or that of the user's folder."""
        _, folder = self.folders
        own = folder.name if folder and self.options.planned else ""
        return own or self.dataset.replace("/", "-")

    @property
    def image_sides(self) -> tuple[int, int]:
        """Height and width of the pictures; raises ConfigError for a malformed `image_size`."""
        if isinstance(self.image_size, int):
            return self.image_size, self.image_size
        found = SIZE.fullmatch(self.image_size)
        height, width = map(int, found.groups()) if found else (0, 0)
        lowest, highest = IMAGE_SIDES
        if not lowest <= height <= highest or not lowest <= width <= highest:
            raise ConfigError(
                f"image_size is {shown_text(self.image_size)}: give a side in pixels, or height x width such as 96x64, "
                f"from {lowest} to {highest}"
            )
        return height, width

    @property
    def image_side(self) -> int:
        """Side of the pictures of a dataset whose pictures are square; raises ConfigError for others."""
        height, width = self.image_sides
        if height != width:
            raise ConfigError(
                f"--image-size {self.image_size}: the pictures of {self.dataset} are square, give one side"
            )
        return height

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the pictures."""
        return (*self.image_sides, self.options.picture_channels)

    @property
    def folders(self) -> tuple[Path | None, Path | None]:
        """`data_dir` and `manual_dir` as paths."""
        data_dir = expanded(self.data_dir, "data-dir") if self.data_dir else None
        return data_dir, expanded(self.manual_dir, "manual-dir") if self.manual_dir else None

    def with_options(self, **settings: Any) -> Self:
        """A copy with other values of the dataset's own options."""
        return replace(self, options=replace(self.options, **settings))

    def of_dataset(self, dataset: str) -> Self:
        """A copy for another dataset: options of the same name keep their values, the others take their defaults.

        Args:
            dataset: by name, or the path of a folder of own pictures.
        """
        if folder := named_folder(dataset):
            return replace(self.of_dataset("folder"), manual_dir=str(folder))
        if builder := named_builder(dataset):
            return self.of_dataset("tfds").with_options(builder=builder)
        kind = dataset_options(dataset)
        if type(self.options) is kind:
            return replace(self, dataset=dataset)
        before = {entry.name: getattr(self.options, entry.name) for entry in fields(self.options)}
        kept = {entry.name: before[entry.name] for entry in fields(kind) if entry.name in before}
        return replace(self, dataset=dataset, options=kind(**kept))
