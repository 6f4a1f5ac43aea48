import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.config.data import DataConfig
from gcn_tf.pipelines.batches import evaluation_batches, picture_numbers, pixels, training_batches
from gcn_tf.pipelines.dataset import aligned, load_dataset
from gcn_tf.pipelines.split import repeated_pictures, split_dataset


@pytest.fixture(scope="module")
def split():
    return split_dataset(load_dataset(DataConfig.of(writers="2")), ("low-level",), seed=0)


def batches(split, start, stop, seed=0, size=16, mixup=0.0):
    return [
        ({k: v.numpy() for k, v in ids.items()}, images.numpy())
        for ids, images in training_batches(split, size, seed, start, stop, mixup=mixup)
    ]


def test_unseen_cells_never_reach_training(split):
    unseen = {tuple(cell) for cell in split.ids[split.unseen]}
    assert len(unseen) == round(0.04 * 240)
    seen = Counter()
    for ids, _ in batches(split, 0, 60):
        seen.update(zip(*(ids[name].tolist() for name in split.dataset.space.names), strict=True))
    assert not unseen & set(seen)
    assert set(seen) == {tuple(cell) for cell in split.ids[~split.unseen]}


def test_a_batch_is_a_function_of_seed_and_step(split):
    whole, rest = batches(split, 0, 40), batches(split, 31, 40)
    for (ids, images), (again_ids, again_images) in zip(whole[31:], rest, strict=True):
        np.testing.assert_array_equal(images, again_images)
        for name in ids:
            np.testing.assert_array_equal(ids[name], again_ids[name])
    other = batches(split, 31, 32, seed=1)
    assert not np.array_equal(other[0][1], whole[31][1])


def test_parts_of_a_batch_follow_each_other_and_make_the_whole(split):
    def images(parts):
        return [image.numpy() for _, image in training_batches(split, 16, 0, 3, 5, parts)]

    whole = images((range(1), 1))
    first, rest = images((range(1), 4)), images((range(1, 4), 4))
    assert (len(whole), len(first), len(rest)) == (2, 2, 6)
    np.testing.assert_array_equal(np.concatenate([first[0], *rest[:3]]), whole[0])
    np.testing.assert_array_equal(np.concatenate([first[1], *rest[3:]]), whole[1])


def test_mixup_fades_every_picture_of_a_batch_into_another_of_it_and_the_codes_alike(split):
    plain = batches(split, 3, 5)
    shares = []
    for (ids, images), (codes, mixed) in zip(plain, batches(split, 3, 5, mixup=0.4), strict=True):
        own, other = (np.eye(2)[of] for of in (ids["writer"], ids["writer"][::-1]))
        differ = ids["writer"] != ids["writer"][::-1]
        share = codes["writer"][np.arange(16), ids["writer"]]
        np.testing.assert_allclose(codes["writer"][~differ], own[~differ], atol=1e-6)
        shares += list(share[differ])
        share, other = share[differ, None], other[differ]
        np.testing.assert_allclose(
            codes["writer"][differ], share * own[differ] + (1 - share) * other, atol=1e-6
        )
        share = share[..., None, None]
        expected = share * images[differ] + (1 - share) * images[::-1][differ]
        np.testing.assert_allclose(mixed[differ], expected, atol=1e-6)
    assert min(shares) >= 0.5
    assert max(shares) > min(shares) + 0.2


def test_mixup_is_a_function_of_seed_and_step_whatever_the_parts(split):
    def of(start, stop, parts=(range(1), 1), seed=0):
        return [
            np.concatenate([images.numpy().ravel(), codes["digit"].numpy().ravel()])
            for codes, images in training_batches(split, 16, seed, start, stop, parts, 0.4)
        ]

    whole = of(3, 5)
    np.testing.assert_array_equal(whole[1], of(4, 5)[0])
    assert not np.array_equal(whole[1], of(4, 5, seed=1)[0])
    halves = of(4, 5, (range(2), 2))
    sizes = [8 * 28 * 28 * 3, 8 * 10]
    pictures, codes = (
        np.concatenate(side) for side in zip(*(np.split(h, sizes[:1]) for h in halves), strict=True)
    )
    np.testing.assert_array_equal(whole[1], np.concatenate([pictures, codes]))


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_graphs_know_the_size_of_a_batch(split, mixup):
    _, images = training_batches(split, 16, 0, 0, 2, (range(1, 2), 2), mixup).element_spec
    assert images.shape == (8, 28, 28, 3)


def test_every_epoch_shows_every_picture_once_in_an_order_of_its_own():
    pictures = np.arange(100, 177)
    stream = np.concatenate([picture_numbers(tf.constant(s, tf.int64), pictures, 11, 5) for s in range(21)])
    epochs = stream.reshape(3, 77)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), pictures)
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], pictures)


def test_a_batch_may_be_larger_than_an_epoch():
    stream = picture_numbers(tf.constant(0, tf.int64), np.arange(5), 20, 0).numpy()
    assert Counter(stream.tolist()) == dict.fromkeys(range(5), 4)


def test_pixels_follow_the_labels(split):
    dataset = split.dataset
    for ids, images in batches(split, 0, 2):
        for n in range(len(images)):
            base = dataset.images[ids["digit"][n] * 2 + ids["writer"][n], ..., 0]
            expected = np.zeros((28, 28, 3), np.float32)
            expected[..., ids["color"][n]] = np.rot90(base, ids["rotation"][n]) / np.float32(255)
            np.testing.assert_allclose(images[n], expected, atol=1e-7)


def test_evaluation_batches_keep_the_order_and_the_rest(split):
    numbers = split.rows(unseen=True)[::-1]
    parts = list(evaluation_batches(split, numbers, batch_size=4))
    images = np.concatenate([part[1] for part in parts])
    np.testing.assert_array_equal(np.rint(images * 255).astype(np.uint8), pixels(split, numbers))
    assert [len(part[1]) for part in parts] == [4, 4, 2]


def test_a_dataset_without_variations_is_its_own_images():
    dataset = load_dataset(DataConfig.of(writers="2"))
    rgb = np.repeat(dataset.images, 3, axis=-1)
    base = dataclasses.replace(dataset.space, factors=dataset.space.factors[:2])
    plain = dataclasses.replace(dataset, images=rgb, space=base, variations=())
    split = split_dataset(plain, ("digit=3 writer=1",), seed=0)
    assert split.unseen.sum() == 1
    np.testing.assert_array_equal(pixels(split, np.arange(20)), rgb)


def test_groups_part_the_pictures_by_what_training_saw_of_them():
    dataset = load_dataset(DataConfig.of(writers="3"))
    split = split_dataset(dataset, ("digit=7 writer=1", "digit=2 writer=0 color=red"), 0)
    groups = split.groups()
    assert {name: len(rows) for name, rows in groups.items()} == {
        "seen": 360 - 12 - 4,
        "unseen low-level": 4,
        "unseen high-level": 12,
    }
    assert {tuple(cell[:2]) for cell in split.ids[groups["unseen high-level"]]} == {(7, 1)}
    assert list(split_dataset(dataset, ("none",), 0).groups()) == ["seen"]


def test_repeated_pictures_come_in_all_variations():
    dataset = load_dataset(DataConfig.of(writers="2"))
    again = repeated_pictures(dataset)
    assert len(again.ids) == 4 * dataset.space.cell_count
    assert not again.unseen.any()
    row = np.flatnonzero((again.ids == [3, 1, 2, 0]).all(axis=1))[0]  # blue, upright
    picture = pixels(again, np.array([row]))[0]
    np.testing.assert_array_equal(picture[..., 2], dataset.repeats[0][again.base[row], ..., 0])
    assert not picture[..., :2].any()


FIRST_BATCH = """
import time
import numpy as np
from gcn_tf.quiet import import_tensorflow
import_tensorflow()
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.batches import evaluation_batches, training_batches
from gcn_tf.pipelines.dataset import Dataset, aligned_empty
from gcn_tf.pipelines.split import undivided

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

before = held()
images = aligned_empty((20_000, 64, 64, 3))
images[...] = 51
numbers = np.arange(20_000)
factors = Factor("a", tuple(map(str, range(200)))), Factor("b", tuple(map(str, range(100))))
ids = np.stack([numbers // 100, numbers % 100], axis=1).astype(np.int32)
since = time.perf_counter()
split = undivided(Dataset("many", FactorSpace(factors), images, ids, ()))
opened = [iter(training_batches(split, 32, 0, 0, 10)), iter(evaluation_batches(split, numbers))]
assert {round(float(next(data)[1].numpy().mean()), 3) for data in opened} == {0.2}
print(time.perf_counter() - since, (held() - before) / images.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts memory as Linux does")
def test_many_pictures_are_used_where_they_lie(spawn):
    out, _ = spawn(FIRST_BATCH).communicate(timeout=120)
    seconds, memory = map(float, out.split())
    assert seconds < 5  # 0.7 s on an idle machine
    assert memory < 1.5


def test_pictures_that_tensorflow_cannot_use_where_they_lie_are_copied_once():
    memory = np.arange(1 + 2 * 8 * 8 * 3, dtype=np.uint8)
    for images in (memory[1:].reshape(2, 8, 8, 3), memory[1:].reshape(2, 3, 8, 8).transpose(0, 2, 3, 1)):
        copy = aligned(images)
        np.testing.assert_array_equal(copy, images)
        assert copy is not images
        assert copy.ctypes.data % 64 == 0
        assert aligned(copy) is copy
