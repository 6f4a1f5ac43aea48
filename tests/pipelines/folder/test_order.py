"""Which columns of numbers are ordered factors."""

import csv

import numpy as np
import pytest
from PIL import Image

from gcn_tf.config.data import DataConfig
from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import Factor
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.folder.factors import grid_of
from gcn_tf.pipelines.folder.order import Asked, differences, ordered_space, share_of_better_orders

SHAPES = 8
ANGLES = (0, 30, 60, 90, 120, 150)


def turned(shape: int, degrees: float) -> np.ndarray:
    """An outline of its own with two halves, turned: uint8 (32, 32, 3)."""
    y, x = (np.mgrid[:32, :32] + 0.5) / 16 - 1
    angle = np.arctan2(y, x) - np.deg2rad(degrees)
    wave = np.random.default_rng(shape).normal(0, 0.2, (3, 2))
    edge = 0.6 + sum(a * np.cos(n * angle) + b * np.sin(n * angle) for n, (a, b) in enumerate(wave / 2, 1))
    halves = np.where(np.sin(angle + shape) > 0, 255, 120)
    return np.repeat((halves * (np.hypot(x, y) < edge))[..., None], 3, axis=2).astype(np.uint8)


def lit(shape: int, degrees: float) -> np.ndarray:
    """A bowl of its own, lit from the side: uint8 (32, 32, 3)."""
    y, x = (np.mgrid[:32, :32] + 0.5) / 16 - 1
    depth = np.random.default_rng(shape).uniform(0.5, 1.5)
    normal = np.stack([depth * x, depth * y, np.ones_like(x)]) / np.sqrt(1 + depth**2 * (x**2 + y**2))
    light = (np.sin(np.deg2rad(degrees)), 0.2, np.cos(np.deg2rad(degrees)))
    shade = np.clip(np.tensordot(light, normal, 1), 0, 1) * (np.hypot(x, y) < 0.9)
    return np.repeat((200 * shade)[..., None], 3, axis=2).astype(np.uint8)


def grid(draw, values, seen=0.8, seed=0):
    """A grid of shapes and values with holes: pictures, ids, and the columns of its labels."""
    cells = np.stack(np.indices((SHAPES, len(values))).reshape(2, -1), axis=1)
    cells = cells[np.random.default_rng(seed).random(len(cells)) < seen]
    images = np.stack([draw(shape, values[n]) for shape, n in cells])
    labels = {"shape": [f"shape{shape}" for shape, _ in cells], "angle": [str(values[n]) for _, n in cells]}
    found = grid_of(labels)
    return found.columns, images, found.ids


def decided(columns, images, ids, **asked):
    space, notes = ordered_space(
        columns, Asked.of(**{"ordered": (), "cyclic": (), "unordered": (), **asked}), images, ids
    )
    return space["angle"], notes


@pytest.mark.parametrize("draw", [turned, lit])
@pytest.mark.parametrize("values", [ANGLES, (-30, 0, 30), (10.5, 20, 40, 80)])
def test_numbers_that_pictures_follow_are_ordered(draw, values):
    angle, notes = decided(*grid(draw, values))
    assert (angle.numbers, angle.period) == (values, 0)
    assert notes == ("angle: ordered (neighbours look alike; --unordered angle if they are names)",)


def test_numbers_that_pictures_do_not_follow_are_names():
    shuffled = {value: ANGLES[n] for value, n in zip(ANGLES, (3, 0, 5, 1, 4, 2), strict=True)}
    angle, notes = decided(*grid(lambda shape, value: turned(shape, shuffled[value]), ANGLES))
    assert angle.numbers == ()
    assert notes == (
        "angle: not ordered (neighbours look no more alike than others; --ordered angle if they are in order)",
    )


@pytest.mark.parametrize("names", [("0", "1", "2", "3"), ("1", "2", "3"), ("007", "020", "100")])
def test_numbers_that_count_are_names_whatever_the_pictures_show(names):
    columns, images, ids = grid(turned, (0, 30, 60, 90)[: len(names)])
    labels = [names[n] for n in ids[:, 1]]
    columns = (columns[0], grid_of({"angle": labels}).columns[0])
    angle, notes = decided(columns, images, ids)
    assert angle.numbers == ()
    assert "numbered like names" in notes[0]
    angle, _ = decided(columns, images, ids, ordered=("angle",))
    assert angle.numbers == tuple(map(float, names))


def test_two_values_are_ordered_on_demand_only():
    pictures = grid(lit, (0, 60))
    assert decided(*pictures)[0].numbers == ()
    assert decided(*pictures, ordered=("angle",))[0].numbers == (0, 60)


def test_the_users_word_counts():
    pictures = grid(turned, ANGLES)
    assert decided(*pictures, unordered=("angle",)) == (
        Factor("angle", tuple(map(str, ANGLES))),
        ("angle: not ordered (--unordered)",),
    )
    angle, notes = decided(*pictures, cyclic=("angle=360",))
    assert (angle.numbers, angle.period) == (ANGLES, 360)
    assert notes == ("angle: ordered (--cyclic)",)


def test_angles_all_around_may_be_cyclic():
    _, notes = decided(*grid(turned, tuple(range(0, 360, 45)), seen=1))
    assert notes[0].endswith("--cyclic angle=360 if they come round)")


def test_pictures_that_cannot_be_compared_decide_nothing():
    """Every shape has one angle: no two pictures differ in the angle alone."""
    ids = np.array([[n, n] for n in range(5)])
    apart = differences(np.stack([lit(n, 30 * n) for n in range(5)]), ids, 1, 5)
    assert share_of_better_orders(apart) > 0.9


def test_the_share_of_better_orders():
    line = np.abs(np.arange(5.0)[:, None] - np.arange(5.0))
    assert share_of_better_orders(line) == 0
    mixed = np.array([0, 3, 1, 4, 2])
    assert share_of_better_orders(line[mixed][:, mixed]) > 0.5
    long = np.abs(np.arange(12.0)[:, None] - np.arange(12.0))
    assert share_of_better_orders(long) == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"ordered": ("angel",)}, "--ordered angel: no such factor, did you mean angle"),
        ({"cyclic": ("angel=360",)}, "--cyclic angel: no such factor"),
        ({"unordered": ("light",)}, "--unordered light: no such factor; known: shape, angle"),
        (
            {"ordered": ("shape",)},
            "--ordered shape: its values are not several different numbers: shape0, shape1",
        ),
        ({"cyclic": ("angle",)}, "--cyclic angle: write factor=period, such as angle=360"),
        ({"cyclic": ("angle=-1",)}, "--cyclic angle=-1: write factor=period"),
        ({"cyclic": ("angle=nan",)}, "--cyclic angle=nan: write factor=period"),
        ({"cyclic": ("angle=90",)}, "its period, 90, must be longer"),
        ({"cyclic": ("angle=360",), "unordered": ("angle",)}, "--unordered angle contradicts --cyclic"),
        ({"ordered": ("angle",), "unordered": ("angle",)}, "--unordered angle contradicts --ordered"),
    ],
)
def test_mistakes_about_order_are_one_line(asked, message):
    with pytest.raises(ValueError, match=message) as caught:
        decided(*grid(turned, ANGLES), **asked)
    assert "\n" not in str(caught.value)


def test_a_folder_is_ordered_by_its_options(tmp_path):
    folder = tmp_path / "turned"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "shape", "angle"])
        for number, (shape, angle) in enumerate((s, a) for s in range(2, SHAPES) for a in ANGLES):
            Image.fromarray(turned(shape, angle)).save(folder / f"{number}.png")
            table.writerow([f"{number}.png", shape, angle])

    def loaded(**options):
        return load_dataset(
            DataConfig.of(str(folder), image_size=32, data_dir=str(tmp_path / "cache"), **options)
        )

    dataset = loaded()
    assert dataset.space["angle"].numbers == ANGLES
    assert dataset.space["shape"].numbers == ()
    assert any(note.startswith("angle: ordered") for note in dataset.notes)
    assert loaded(cyclic=("angle=360",)).space["angle"].period == 360
    assert loaded(limit=("angle=3",), ordered=("angle",)).space["angle"].numbers == ANGLES[:3]
    with pytest.raises(ConfigError, match="--cyclic angle: write factor=period"):
        loaded(cyclic=("angle",))
