"""Own pictures as a dataset, and the dataset folder. TensorFlow is imported only when it is loaded."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from gcn_tf.config.checks import Range
from gcn_tf.config.data import DataConfig, DatasetOptions, expanded
from gcn_tf.errors import ConfigError, UserError, shown_text

if TYPE_CHECKING:
    import numpy as np

    from gcn_tf.grid.factors import FactorSpace
    from gcn_tf.grid.holdout import Roles
    from gcn_tf.pipelines.dataset import Dataset
    from gcn_tf.pipelines.folder.factors import Grid
    from gcn_tf.pipelines.folder.fitting import Form
    from gcn_tf.pipelines.folder.labels import Labels
    from gcn_tf.pipelines.folder.order import Asked
    from gcn_tf.pipelines.folder.source import Source

MOST_PROBLEMS = 0.05  # of the pictures may be unreadable


@dataclass(frozen=True)
class OwnPictures(DatasetOptions):
    """Options of labelled pictures, wherever they are from; each subclass knows a source."""

    possible_factors: ClassVar = ()
    takes_files: ClassVar = True
    planned: ClassVar = True

    factors: str = ""
    """Columns of the labels that become factors: person,gesture. By default those that serve."""
    limit: tuple[str, ...] = ()
    """Take the first so many values of a factor: person=40."""
    ordered: tuple[str, ...] = ()
    """Factors whose values are numbers in order: between two of them lies their blend. By default the pictures decide."""
    cyclic: tuple[str, ...] = ()
    """Ordered factors that come round again, and after how much: angle=360."""
    unordered: tuple[str, ...] = ()
    """Factors whose numbers are only names."""
    fit: Literal["pad", "crop", "stretch"] = "pad"
    """Pictures of other proportions: scaled to fit inside, scaled and cut, or stretched."""
    background: str = "0,0,0"
    """Colour behind transparent pictures and around padded ones: red,green,blue from 0 to 255."""
    channels: Annotated[int, Range(0, 3)] = 0
    """Channels of the pictures: 1, grey; 3, colour; 0: grey if every picture is."""
    content: Annotated[tuple[int, ...], Range(0)] = ()
    """Part of the generated pictures that you get: top left height width; by default without the padding, if all pictures have
    the same."""
    exemplars: Literal["first", "all"] = "first"
    """Of several pictures of a cell: train on the first, and keep the others for the judges; or train on all."""

    def check_settings(self) -> None:
        """Raise ConfigError for a malformed colour, limit or period, or contradictions about order."""
        self._color()
        self._limits()
        self._order()
        if self.channels == 2:
            raise ConfigError("channels is 2: give 1, grey, or 3, colour")
        if self.content and (len(self.content) != 4 or not min(self.content[2:])):
            raise ConfigError(f"content is {list(self.content)}: give top left height width, in pixels")

    @property
    def picture_channels(self) -> int:
        return self.channels or 3

    @property
    def content_box(self) -> tuple[int, ...]:
        return self.content

    def resolved(self, dataset: "Dataset") -> Self:
        return replace(self, channels=dataset.image_shape[2], content=self.content or dataset.content)

    def form(self, size: tuple[int, int]) -> "Form":
        """What every picture is brought to, of this height and width."""
        from gcn_tf.pipelines.folder.fitting import Form

        return Form(size, self.channels, self.fit, self._color())

    def _color(self) -> tuple[int, int, int]:
        parts = self.background.split(",")
        if len(parts) == 3 and all(part.isdecimal() and int(part) < 256 for part in parts):
            red, green, blue = map(int, parts)
            return red, green, blue
        raise ConfigError(f"--background {shown_text(self.background)}: give red,green,blue from 0 to 255")

    def _order(self) -> "Asked":
        from gcn_tf.pipelines.folder.order import Asked

        return Asked.of(self.ordered, self.cyclic, self.unordered)

    def _limits(self) -> dict[str, int]:
        found = {}
        for word in self.limit:
            name, _, count = word.partition("=")
            if not name or not count.isdecimal() or not int(count):
                raise ConfigError(f"--limit {shown_text(word)}: write factor=number, such as person=40")
            found[name] = int(count)
        return found

    @abstractmethod
    def source(self, config: DataConfig) -> "Source":
        """Find the pictures and their labels; raise UserError if there are none."""

    def _labelled(self, config: DataConfig) -> "tuple[Source, Grid, Grid]":
        """The pictures, the grid of all their labels, and the part of it that --limit leaves."""
        from gcn_tf.pipelines.folder.factors import grid_of, limited

        source = self.source(config)
        wanted = tuple(name.strip() for name in self.factors.split(",") if name.strip())
        whole = grid_of(source.labels.columns, wanted)
        return source, whole, limited(whole, self._limits())

    def native_size(self, config: DataConfig) -> tuple[int, int] | None:
        import numpy as np

        source, _, grid = self._labelled(config)
        sizes = source.sizes(grid.rows.tolist())
        known = sizes[sizes[:, 0] > 0]
        if not len(known):
            return None  # `load` says why
        height, width = np.median(known, axis=0).round().astype(int).tolist()
        return height, width

    def load(self, config: DataConfig) -> "Dataset":
        import numpy as np

        from gcn_tf.pipelines.dataset import grid_dataset
        from gcn_tf.pipelines.folder.factors import first_of_cells_first
        from gcn_tf.pipelines.folder.fitting import common_content
        from gcn_tf.pipelines.folder.order import ordered_space
        from gcn_tf.pipelines.folder.pictures import is_large
        from gcn_tf.pipelines.folder.problems import UnreadablePictures, unreadable_text

        source, whole, grid = self._labelled(config)
        labels, rows = source.labels, grid.rows.tolist()
        form = self.form(config.image_sides)
        if self.exemplars == "first" and is_large(len(rows), form):
            grid = first_of_cells_first(grid)
            rows = grid.rows.tolist()
        decoded = source.decoded(rows, form)
        names = [labels.names[row] for row in rows]
        unreadable = [(names[n], why) for n, why in decoded.problems]
        problems = (*unreadable, *labels.unlabelled, *_unlabelled(labels, whole))
        if len(unreadable) > MOST_PROBLEMS * len(names):
            raise UnreadablePictures(
                f"{unreadable_text(unreadable, len(names))}, at most {MOST_PROBLEMS:.0%} may be: mend them, or take them out",
                problems,
            )
        ids, first = grid.ids[decoded.good], np.ones(len(decoded.good), bool)
        _check_contents(decoded.sha256, ids, [names[n] for n in decoded.good])
        if self.exemplars == "first":
            first = np.isin(np.arange(len(ids)), np.unique(ids, axis=0, return_index=True)[1])
        images, others = _parted(decoded.images, first)
        named = decoded.pixels_sha256 if np.may_share_memory(images, decoded.images) else ""
        space, ordering = ordered_space(grid.columns, self._order(), images, ids[first])
        notes = (f"labels: {labels.source}", *labels.notes, *grid.notes, *ordering, *decoded.notes)
        if unreadable:
            notes += (unreadable_text(unreadable, len(names)),)
        roles = _roles(space, ids[first], grid.held_out[decoded.good][first])
        repeats = (others, ids[~first]) if not first.all() else None
        dataset = grid_dataset(config.dataset, (space, images, ids[first]), (), roles, repeats, notes)
        content = common_content(source.sizes(rows)[decoded.good], config.image_sides, self.fit)
        return replace(dataset, problems=problems, content=content, pixels_sha256=named)


@dataclass(frozen=True)
class Folder(OwnPictures):
    """Options of a folder of own pictures; `--dataset PATH` means this dataset with that folder."""

    grid: ClassVar = "what its labels say"
    needs: ClassVar = "a folder of labelled pictures: --dataset PATH"

    labels: str = ""
    """Table of labels, a row for every picture: .csv, .jsonl or .parquet. By default the one that lies in the folder."""
    levels: str = ""
    """Labels from the names of folders: person/emotion."""
    pattern: str = ""
    """Labels from the paths of files: '{alphabet}/{character}/{}_{drawer}.png'; {} is passed over."""

    def source(self, config: DataConfig) -> "Source":
        from gcn_tf.pipelines.folder.augmented import prepared_source
        from gcn_tf.pipelines.folder.labels import read_labels
        from gcn_tf.pipelines.folder.source import Files
        from gcn_tf.pipelines.prepared import default_data_dir

        data_dir, folder = config.folders
        if not folder:
            raise ConfigError("--dataset folder: of which folder? give its path, --dataset PATH")
        cache = (data_dir or default_data_dir()) / "folder"
        told = self.labels or self.levels or self.pattern
        if not told and (prepared := prepared_source(folder, cache)):
            return prepared
        table = expanded(self.labels, "labels") if self.labels else None
        return Files(read_labels(folder, table, self.levels, self.pattern), cache)


def _parted(images: "np.ndarray", first: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """The pictures that are the first of their cells, and the others: copies only where they are mixed."""
    count = int(first.sum())
    if first[:count].all():
        return images[:count], images[count:]
    return images[first], images[~first]


def _unlabelled(labels: "Labels", grid: "Grid") -> list[tuple[str, str]]:
    """Name and reason of the pictures that lack a label of a factor."""
    chosen = [column.original for column in grid.columns]
    rows = sorted(set(range(len(labels.names))).difference(grid.rows.tolist()))
    lacking = {row: [name for name in chosen if not labels.columns[name][row]] for row in rows}
    return [(labels.names[row], f"no label of {', '.join(names)}") for row, names in lacking.items()]


def _check_contents(sha256: Sequence[bytes], ids: "np.ndarray", names: Sequence[str]) -> None:
    """Raise UserError for the same file in two cells: one of its labels is wrong."""
    from gcn_tf.pipelines.folder.duplicates import same_content

    for group in same_content(sha256):
        other = next((n for n in group if (ids[n] != ids[group[0]]).any()), None)
        if other is not None:
            raise UserError(
                f"{shown_text(names[group[0]])} and {shown_text(names[other])} are the same picture with different labels: take one of them out"
            )


def _roles(space: "FactorSpace", ids: "np.ndarray", held_out: "np.ndarray") -> "Roles":
    """The cells that have a picture, and those that a column "split" holds out as a protocol of that name."""
    from gcn_tf.grid.holdout import default_roles

    rules = [
        {factor.name: factor.values[i] for factor, i in zip(space, cell, strict=True)}
        for cell in ids[held_out]
    ]
    published = {"split": lambda space, seed, say: rules} if rules else {}
    return replace(default_roles(space), cells=ids, published=published)
