import dataclasses
import hashlib

import keras
import numpy as np
import pytest

from gcn_tf.config.data import DataConfig
from gcn_tf.evaluation.convolutional_judge import (
    ConvolutionalJudge,
    another_round_helps,
    judge_network,
    train_network,
)
from gcn_tf.evaluation.hog_judge import HogJudge, geometry, hog_features, layout_features
from gcn_tf.evaluation.judge import (
    JudgePictures,
    doubted_factors,
    judge_pictures,
    recognised_factors,
)
from gcn_tf.evaluation.judges import _key, train_judges
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.dataset import Dataset, load_dataset


@pytest.fixture(scope="module")
def pictures():
    return judge_pictures(load_dataset(DataConfig.of(writers="4")))


@pytest.fixture(scope="module")
def judges(pictures, tmp_path_factory):
    """The hog judge in full, the convolutional one barely trained."""
    cache = tmp_path_factory.mktemp("judges")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 10)
        patch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
        yield (*train_judges(pictures, cache), cache)


def test_held_out_pictures_are_none_that_the_judges_know(pictures):
    known = {image.tobytes() for image in pictures.known[0]}
    assert len(pictures.held_out[0])
    assert not any(image.tobytes() in known for image in pictures.held_out[0])


def test_every_second_repeat_of_a_cell_is_held_out(pictures):
    cells = 10 * 4 * 12
    assert len(pictures.grid[0]) == cells
    assert len(pictures.repeats[0]) == len(pictures.held_out[0]) == 2 * cells
    for part in (pictures.repeats, pictures.held_out):
        assert len(np.unique(part[1][:cells], axis=0)) == cells  # one of every cell before the second of any


def test_without_repeats_a_fifth_of_the_grid_is_held_out():
    dataset = load_dataset(DataConfig.of(writers="3"))
    parts = judge_pictures(dataclasses.replace(dataset, repeats=None))
    assert len(parts.grid[0]) + len(parts.held_out[0]) == 360
    assert 0.15 < len(parts.held_out[0]) / 360 < 0.25
    assert not len(parts.repeats[0])


def test_the_hog_judge_reads_real_pictures_that_it_never_saw(judges):
    _, hog, _ = judges
    assert min(hog.known_accuracy.values()) == 1
    assert doubted_factors(hog) == []
    assert hog.held_out_accuracy["digit"] > 0.95
    assert hog.held_out_accuracy["writer"] > 0.75
    assert hog.held_out_accuracy["color"] == 1


def test_the_hog_judge_reads_near_copies_as_what_they_copy(judges, pictures):
    _, hog, _ = judges
    noise = np.random.default_rng(0).normal(0, 6, pictures.grid[0].shape)
    near = np.clip(pictures.grid[0] + noise, 0, 255).astype(np.uint8)
    read = hog.classify(near)
    assert np.mean(read["writer"] == pictures.grid[1][:, 1]) > 0.97


def test_faint_specks_on_the_ground_do_not_change_the_features(pictures):
    images = pictures.grid[0][:20]
    speckled = np.maximum(images, np.random.default_rng(0).integers(0, 12, images.shape).astype(np.uint8))
    moved = np.roll(images, 4, axis=2)
    change = np.abs(hog_features(speckled)[:, :-3].astype(float) - hog_features(images)[:, :-3]).mean()
    assert (
        change < 0.1 * np.abs(hog_features(moved)[:, :-3].astype(float) - hog_features(images)[:, :-3]).mean()
    )


def test_judges_come_from_the_cache_and_read_the_same(judges, pictures, monkeypatch):
    *before, cache = judges

    def refuse(*arguments):
        raise AssertionError("trained again")

    monkeypatch.setattr("gcn_tf.evaluation.judges.train_network", refuse)
    monkeypatch.setattr("gcn_tf.evaluation.hog_judge.hog_features", lambda images: hog_features(images[:50]))
    after = train_judges(pictures, cache)
    for old, new in zip(before, after, strict=True):
        assert new.held_out_accuracy == old.held_out_accuracy
    read = [one.classify(pictures.held_out[0][:50]) for one in (before[0], after[0])]
    for name in read[0]:
        np.testing.assert_array_equal(read[0][name], read[1][name])


@pytest.fixture
def few(pictures, monkeypatch):
    """Few pictures, for judges whose network stays as it is at the start."""
    monkeypatch.setattr("gcn_tf.evaluation.judges.train_network", lambda network, pictures: None)
    parts = ((images[:60], ids[:60]) for images, ids in (pictures.grid, pictures.repeats, pictures.held_out))
    return JudgePictures(pictures.space, *parts)


def test_a_fresh_judge_gives_the_features_of_a_cached_one_whichever_precision_it_learned_in(
    few, tmp_path, monkeypatch
):
    """Load on the machine may decide what "auto" is: learned in bfloat16, then float32 was found faster."""
    features = []
    for precision in ("mixed_bfloat16", "float32"):
        monkeypatch.setattr(
            "gcn_tf.evaluation.judges.resolve_precision", lambda asked, given=precision: given
        )
        features.append(train_judges(few, tmp_path)[0].features(few.held_out[0]))
    np.testing.assert_array_equal(*features)


def test_a_damaged_cache_is_said_and_made_anew(few, tmp_path, capsys):
    before = train_judges(few, tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    assert not capsys.readouterr().err
    after = train_judges(few, tmp_path)
    said = capsys.readouterr().err
    assert said.startswith(f"gcn-tf: {path} is damaged")
    assert said.endswith("the judges are trained anew\n")
    assert said.count("\n") == 1
    for judges in (after, train_judges(few, tmp_path)):
        assert [one.held_out_accuracy for one in judges] == [one.held_out_accuracy for one in before]
    assert not capsys.readouterr().err


def test_a_cache_that_takes_no_file_is_said(few, tmp_path, capsys):
    (tmp_path / f"{_key(few)[:16]}.npz").mkdir()
    assert len(train_judges(few, tmp_path)) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1].startswith(f"gcn-tf: cannot write to {tmp_path} (")


def test_other_pictures_are_another_judge(judges, pictures):
    *_, cache = judges
    grid = (255 - pictures.grid[0], pictures.grid[1])
    other = dataclasses.replace(pictures, grid=grid)
    assert _key(other) != _key(pictures)
    assert {path.name.partition(".")[0] for path in cache.iterdir()} == {_key(pictures)[:16]}


@pytest.mark.slow
def test_the_convolutional_judge_learns(pictures, monkeypatch):
    """A few seconds of training read the colours and more digits than chance."""
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 120)
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.ROUNDS", 1)
    network = judge_network(pictures.space.sizes, (28, 28, 3), "float32")
    train_network(network, pictures)
    made = ConvolutionalJudge(network)
    read = made.classify(pictures.held_out[0])
    assert np.mean(read["color"] == pictures.held_out[1][:, 2]) > 0.9
    assert np.mean(read["digit"] == pictures.held_out[1][:, 0]) > 0.3
    assert made.features(pictures.held_out[0][:5]).shape == (5, 384)


def test_judges_of_other_pictures_are_trained_anew(judges, pictures, tmp_path, monkeypatch, capsys):
    name = f"{_key(pictures)[:16]}.npz"
    few = dataclasses.replace(pictures, grid=tuple(part[:100] for part in pictures.grid))
    (tmp_path / f"{_key(few)[:16]}.npz").write_bytes((judges[-1] / name).read_bytes())
    learned = []

    def learn(pictures):
        learned.append(pictures)
        raise KeyboardInterrupt  # that it begins is enough

    monkeypatch.setattr("gcn_tf.evaluation.judges._learn", learn)
    with pytest.raises(KeyboardInterrupt):
        train_judges(few, tmp_path)
    assert learned[0] is few
    assert "holds judges of other pictures" in capsys.readouterr().err


def test_a_factor_is_recognised_a_third_of_the_way_from_guessing_to_no_mistake():
    ids = np.array([[0, 0], [0, 1], [0, 2], [1, 3]])  # guesses reach 0.75 and 0.25
    assert recognised_factors({"size": 0.84, "person": 0.49}, ids) == ("size",)
    assert recognised_factors({"size": 0.83, "person": 0.51}, ids) == ("person",)


def test_rounds_end_when_everything_known_is_classified_or_a_round_brings_nothing():
    assert another_round_helps({}, {"digit": 0.5})
    assert another_round_helps({"digit": 0.5, "writer": 0.1}, {"digit": 0.6, "writer": 0.1})
    assert not another_round_helps({}, {"digit": 0.98, "writer": 0.97})
    assert not another_round_helps({"digit": 0.8, "writer": 0.1}, {"digit": 0.99, "writer": 0.105})


def multiplications(network):
    """Of the convolutions and dense layers for one picture."""
    kernels = [layer for layer in network.layers if hasattr(layer, "kernel")]
    return sum(np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:-1]) for layer in kernels)


@pytest.mark.parametrize("shape", [(64, 64, 3), (24, 40, 1), (158, 158, 3), (1024, 28, 3), (1024, 1024, 3)])
def test_a_judge_of_large_pictures_costs_about_what_one_of_small_ones_does(shape):
    sizes = {"digit": 10}
    small, other = (judge_network(sizes, one, "float32") for one in ((28, 28, 3), shape))
    assert multiplications(other) < 1.9 * multiplications(small)
    assert other.output["digit"].shape == (None, 10)


def test_the_judge_of_small_pictures_and_its_cache_are_what_they_were(pictures):
    network = judge_network(pictures.space.sizes, (28, 28, 3), "float32")
    assert network.count_params() == 2_512_373
    digest = hashlib.sha256(f"3 {pictures.space.to_json()} {keras.__version__}".encode())
    for part in (*pictures.grid, *pictures.repeats, *pictures.held_out):
        digest.update(part.tobytes())
    assert _key(pictures) == digest.hexdigest()


def test_grey_rectangles_are_judged(tmp_path, monkeypatch):
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 2)
    space = FactorSpace((Factor("letter", tuple("abc")), Factor("hand", ("left", "right"))))
    images = np.random.default_rng(0).integers(0, 255, (6, 24, 40, 1), np.uint8)
    dataset = Dataset("toy", space, images, np.indices((3, 2)).reshape(2, -1).T.astype(np.int32), ())
    parts = judge_pictures(dataset)
    convolutional, hog = train_judges(parts, tmp_path)
    for judge in (convolutional, hog):
        assert {name: ids.shape for name, ids in judge.classify(images).items()} == {
            "letter": (6,),
            "hand": (6,),
        }
    assert hog.known_accuracy == {"letter": 1, "hand": 1}
    assert convolutional.features(images).shape == (6, 384)


def test_a_tiny_grid_has_a_picture_to_be_tested_on():
    space = FactorSpace((Factor("letter", ("a", "b")), Factor("hand", ("left", "right"))))
    dataset = Dataset(
        "toy", space, np.zeros((4, 28, 28, 1), np.uint8), np.indices((2, 2)).reshape(2, -1).T, ()
    )
    parts = judge_pictures(dataset)
    assert [len(parts.grid[0]), len(parts.held_out[0])] == [3, 1]


def hand_pictures(values, held_out=0.2):
    """Letters (where a bar stands across) by hands (how low it stands), one picture a cell."""
    letters, hands = values
    space = FactorSpace(
        (
            Factor("letter", tuple(f"l{n}" for n in range(letters))),
            Factor("hand", tuple(f"h{n}" for n in range(hands))),
        )
    )
    ids = np.indices(values).reshape(2, -1).T.astype(np.int32)
    rng = np.random.default_rng(3)
    images = np.zeros((len(ids), 28, 28, 1), np.uint8)
    for image, (letter, hand) in zip(images, ids, strict=True):
        top, left = 1 + 2 * hand + rng.integers(0, 2), 1 + 3 * letter + rng.integers(0, 2)
        image[top : top + 9, left : left + 3] = 220
    images = np.clip(images + rng.normal(0, 8, images.shape), 0, 255).astype(np.uint8)
    held = np.random.default_rng(0).random(len(ids)) < held_out
    known, kept = (images[~held], ids[~held]), (images[held], ids[held])
    return JudgePictures(space, known, (images[:0], ids[:0]), kept)


@pytest.fixture(scope="module")
def lone():
    return hand_pictures((8, 8))


def test_pictures_are_lone_where_no_cell_has_a_second_one(pictures, lone):
    assert lone.lone
    assert not pictures.lone
    assert not dataclasses.replace(lone, repeats=lone.grid).lone
    few = tuple(part[:30] for part in lone.grid)
    assert not dataclasses.replace(lone, grid=few).lone


@pytest.fixture(scope="module")
def lone_judges(lone, tmp_path_factory):
    """Judges of lone pictures whose network never learned, and the folder of their file."""
    cache = tmp_path_factory.mktemp("lone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.evaluation.judges.train_network", lambda network, pictures: None)
        yield (*train_judges(lone, cache), cache)


def test_factors_are_classified_in_cells_that_no_judge_knows(lone, lone_judges):
    neighbours = HogJudge(hog_features(lone.known[0]), lone.known[1], lone.space)
    wanted = lone.held_out[1][:, 1]
    nearest = np.mean(neighbours.classify(lone.held_out[0])["hand"] == wanted)
    for judge in lone_judges[:2]:
        assert judge.held_out_accuracy["letter"] > 0.9, judge.name
        assert judge.held_out_accuracy["hand"] > nearest + 0.2, judge.name
        assert "letter" in judge.recognised


def test_judges_of_lone_pictures_come_from_the_cache_and_classify_the_same(lone, lone_judges, monkeypatch):
    *before, cache = lone_judges

    def refuse(*arguments):
        raise AssertionError("learned again")

    monkeypatch.setattr("gcn_tf.evaluation.judges._learn", refuse)
    for old, new in zip(before, train_judges(lone, cache), strict=True):
        assert new.held_out_accuracy == old.held_out_accuracy
        for name, ids in old.classify(lone.held_out[0]).items():
            np.testing.assert_array_equal(new.classify(lone.held_out[0])[name], ids)


@pytest.mark.slow
def test_damaged_judges_of_lone_pictures_are_made_anew(lone, lone_judges, tmp_path, monkeypatch, capsys):
    (path,) = lone_judges[-1].iterdir()
    with np.load(path) as file:
        arrays = dict(file)
    monkeypatch.setattr("gcn_tf.evaluation.judges.train_network", lambda network, pictures: None)
    for name in ("cells/hog", "projection/convolutional"):
        for wrong in (arrays[name][1:], arrays[name] * np.nan):
            np.savez(tmp_path / path.name, **{**arrays, name: wrong})
            assert train_judges(lone, tmp_path)[1].held_out_accuracy == lone_judges[1].held_out_accuracy
            assert "is damaged" in capsys.readouterr().err


def test_lone_pictures_take_one_round_of_training(lone, monkeypatch):
    monkeypatch.setattr("gcn_tf.evaluation.convolutional_judge.STEPS", 2)
    fitted = []
    network = judge_network(lone.space.sizes, (28, 28, 1), "float32")
    fit = network.fit
    monkeypatch.setattr(network, "fit", lambda *given, **named: (fitted.append(1), fit(*given, **named)))
    train_network(network, lone)
    assert len(fitted) == 1


def test_geometry_follows_a_figure_that_is_moved_and_slanted():
    upright = np.zeros((28, 28, 1), np.uint8)
    upright[6:20, 12:15] = 255
    moved = np.roll(upright, (3, -5), axis=(0, 1))
    slanted = np.stack([np.roll(row, round((n - 13) / 3), axis=0) for n, row in enumerate(upright)])
    a, b, c = geometry(np.stack([upright, moved, slanted]))
    np.testing.assert_allclose((b - a)[:2], [3 / 28, -5 / 28], atol=1e-6)
    np.testing.assert_allclose((b - a)[[2, 3, 4, 9, 10]], 0, atol=1e-5)
    assert abs(a[4]) < 0.01
    assert 0.25 < c[4] < 0.4
    np.testing.assert_allclose(geometry(255 - np.stack([upright, moved, slanted])), [a, b, c], atol=1e-5)


def test_layout_features_of_a_picture_of_one_color_are_finite_and_hold_its_color():
    plain = np.full((2, 64, 40, 3), (51, 102, 204), np.uint8)
    features = layout_features(plain)
    assert np.isfinite(features).all()
    tiles = features[0, hog_features(plain).shape[1] :][: 14 * 14 * 3].reshape(14, 14, 3)
    np.testing.assert_allclose(tiles, np.broadcast_to([0.2, 0.4, 0.8], tiles.shape), atol=1e-5)
