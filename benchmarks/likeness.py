"""Which pictures `gcn-tf extend` would refuse: those of persons that a run does not know, and foreign ones.

python benchmarks/likeness.py signs=FOLDER Greek=FOLDER qmnist=FOLDER faces --known 3 10 40
python benchmarks/likeness.py signs=FOLDER --known 10 20 --days

NAME=FOLDER: of qmnist the folder of its files; signs with 100 persons, or an alphabet of Omniglot by its name. The pictures of every data set are
asked of the runs of all others, too. Of --known persons a run is made, 12 times with others by chance, --days: with others in order, as those
of a day follow each other. Prints percent of pictures, and of newcomers with all their pictures.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
from PIL import Image
from skimage.data import astronaut
from sklearn.datasets import load_sample_images

from gcn_tf.config.data import DataConfig
from gcn_tf.newcomers.likeness import Likeness
from gcn_tf.pipelines.dataset import Dataset, load_dataset
from gcn_tf.pipelines.split import undivided

PERSONS = {"signs": "person", "qmnist": "writer", "faces": "person", "glyphs": "writer"}
DRAWS, MOST_ASKED = 12, 200


def load(name: str, folder: str) -> Dataset:
    """A data set, without variations: of qmnist all writers who wrote every digit."""
    if name == "qmnist":
        return load_dataset(DataConfig.of(name, manual_dir=folder, writers="124"))
    if name in ("faces", "glyphs"):
        own = {"persons": "80", "image_size": 48} if name == "faces" else {"writers": "60"}
        return load_dataset(DataConfig.of(name, **own))
    if name == "signs":
        return load_dataset(DataConfig.of(folder, image_size=64))
    return load_dataset(
        DataConfig.of(folder, image_size=64, pattern=f"{name}/{{character}}/{{}}_{{drawer}}.png")
    )


def of_persons(data: Dataset, column: np.ndarray, persons: np.ndarray) -> Dataset:
    chosen = np.isin(column, persons)
    return replace(data, images=data.images[chosen], base_ids=data.base_ids[chosen], variations=())


def in_form(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pictures in the size and with the channels of others: uint8 (N, h, w, c) -> (N, H, W, C)."""
    height, width, channels = shape
    made = []
    for image in images:
        picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0])
        sized = picture.convert("RGB" if channels == 3 else "L").resize(
            (width, height), Image.Resampling.LANCZOS
        )
        made.append(np.asarray(sized).reshape(shape))
    return np.stack(made)


def photographs(rng: np.random.Generator) -> np.ndarray:
    """Parts of photographs of a temple, a flower and an astronaut: uint8 (N, 64, 64, 3)."""
    parts = []
    for whole in (*load_sample_images().images, astronaut()):
        for _ in range(MOST_ASKED // 3):
            side = rng.integers(100, min(whole.shape[:2]))
            top, left = (rng.integers(0, length - side + 1) for length in whole.shape[:2])
            part = Image.fromarray(whole[top : top + side, left : left + side])
            parts.append(np.asarray(part.resize((64, 64), Image.Resampling.BOX)))
    return np.stack(parts)


def foreign(own: str, found: dict[str, Dataset], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Pictures that a run of the data set `own` should refuse."""
    rng = np.random.default_rng(1)

    def some(images: np.ndarray) -> np.ndarray:
        return images[rng.permutation(len(images))[:MOST_ASKED]]

    asked = {name: in_form(some(data.images), shape) for name, data in found.items() if name != own}
    asked["noise"] = rng.integers(0, 256, (MOST_ASKED, *shape)).astype(np.uint8)
    asked["one color"] = np.tile(
        rng.integers(0, 256, (MOST_ASKED, 1, 1, shape[2])).astype(np.uint8), (1, *shape[:2], 1)
    )
    asked["photographs"] = in_form(photographs(rng), shape)
    few = some(found[own].images)
    return {**asked, "negative": 255 - few, "upside down": few[:, ::-1, ::-1]}


def refused(name: str, found: dict[str, Dataset], known: int, days: bool) -> str:
    """A line about the runs of so many persons of a data set."""
    data = found[name]
    factor = PERSONS.get(name, "drawer")
    column = data.base_ids[:, data.space.names.index(factor)]
    persons = np.unique(column)
    if days:
        draws = [persons[at : at + known] for at in range(0, len(persons) - known + 1, known)]
    else:
        draws = [np.random.default_rng(seed).permutation(persons)[:known] for seed in range(DRAWS)]
    asked = foreign(name, found, data.images.shape[1:])
    pictures, newcomers, others = [], [], {key: [] for key in asked}
    start = time.perf_counter()
    for draw in draws:
        likeness = Likeness.of(undivided(of_persons(data, column, draw)), [factor])
        new = ~np.isin(column, draw)
        far = likeness.distances(data.images[new]) > likeness.limit
        pictures.append(far.mean())
        newcomers.append(np.mean([far[column[new] == person].any() for person in np.unique(column[new])]))
        for key, images in asked.items():
            others[key].append((likeness.distances(images) > likeness.limit).mean())
    seconds = (time.perf_counter() - start) / len(draws)
    told = ", ".join(f"{key} {100 * np.mean(shares):.0f}" for key, shares in others.items())
    return (
        f"{name}, {known} known: pictures {100 * np.mean(pictures):.2f} % (at worst {100 * max(pictures):.1f}), newcomers "
        f"{100 * np.mean(newcomers):.1f} % | {told} | {seconds:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", metavar="NAME[=FOLDER]")
    parser.add_argument("--known", type=int, nargs="+", default=[10], help="persons of a run")
    parser.add_argument("--days", action="store_true", help="persons in order")
    options = parser.parse_args()
    found = {name: load(name, folder) for name, _, folder in (word.partition("=") for word in options.data)}
    for name in found:
        for known in options.known:
            if known < len(found[name].space[PERSONS.get(name, "drawer")]):
                print(refused(name, found, known, options.days), flush=True)


if __name__ == "__main__":
    main()
