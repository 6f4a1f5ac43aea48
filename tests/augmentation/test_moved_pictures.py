"""Few pictures of new classes and a run's own, and copies of them that move as the run's pictures of one class do."""

import csv
import json
import re
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from scipy.ndimage import gaussian_filter

from gcn_tf.augmentation import augment as augmentation
from gcn_tf.augmentation import moved_pictures as module
from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.augmentation.moved_pictures import _photographs, moved_pictures
from gcn_tf.augmentation.moves import class_pairs, learn_moves
from gcn_tf.augmentation.verify import verify_set
from gcn_tf.cli import main
from gcn_tf.config.data import DataConfig
from gcn_tf.errors import UserError
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.folder.augmented import parse_spec

FORMATS = ("tfds", "folders", "tfrecord")
VALUES = ("beta", "alpha", "3", "alpha")


@pytest.fixture(scope="module", autouse=True)
def learned_once(run):
    """The moves of the run, which take two seconds; what is learned anew is told by the tests that do it."""
    learned = moves_of(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "learn_moves", lambda *_: learned)
        yield learned


def moves_of(run):
    """The moves of the run's digits, by three writers."""
    dataset = run.load_split().dataset
    return learn_moves(lambda rows: dataset.images[rows], dataset.base_ids, 0, [1], "digit")


def test_moves_are_the_same_when_they_are_learned_again(run, few, learned_once, monkeypatch):
    monkeypatch.setattr(module, "learn_moves", learn_moves)
    moves = moved_pictures(run, settings(few)).moves
    assert moves.axes.shape == (12, 56)
    np.testing.assert_array_equal(moves.axes, learned_once.axes)


@pytest.fixture(scope="module")
def figures():
    """Four pictures that the run does not have, uint8 (4, 28, 28, 1)."""
    dataset = load_dataset(DataConfig.of("glyphs", writers="9"))
    return dataset.images[
        [np.flatnonzero((dataset.base_ids == (digit, 8)).all(axis=1))[0] for digit in (0, 1, 4, 7)]
    ]


@pytest.fixture(scope="module")
def few(figures, tmp_path_factory):
    """A folder with a table: two new classes, and one that the run knows."""
    return write(tmp_path_factory.mktemp("few"), figures)


def write(folder, figures, values=VALUES):
    rows = [["file_name", "place", "digit"]]
    for number, (figure, value) in enumerate(zip(figures, values, strict=True)):
        Image.fromarray(figure[..., 0]).save(folder / f"{number}.png")
        rows.append([f"{number}.png", "bonn", value])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def settings(few, **options):
    return AugmentationConfig(**{"few": str(few), "for_": "digit", "copies": 6, "part_size": 5, **options})


def augment(run, few, out, shard="1/1", verify=False, **options):
    said: list[str] = []
    config = settings(few, **options)
    return augmentation.augment(run.folder, out, config, shard, said.append, verify), said


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def read(folder):
    """A TFDS folder as labels and pictures, in the order of the files."""
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    builder = tfds.builder_from_directory(folder)
    rows = list(builder.as_dataset(split="train", read_config=in_order).as_numpy_iterator())
    names = builder.info.features["label"].names
    return [names[row["label"]] for row in rows], np.stack([row["image"] for row in rows])


@pytest.fixture(scope="module")
def whole(run, few, tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp("whole") / name for name in FORMATS}
    for name, folder in folders.items():
        assert augment(run, few, folder, format=name)[0]
    return folders


def test_every_picture_comes_as_it_is_and_moved_under_its_own_label(whole, figures):
    labels, images = read(whole["tfds"])
    order = [2, 1, 0, 3]  # classes in turn: 3, alpha, beta, alpha
    np.testing.assert_array_equal(images[:4], figures[order])
    assert labels == ["3", "alpha", "beta", "alpha"] * 6
    assert len(np.unique(images, axis=0)) == 24
    blurred = gaussian_filter(images.astype(float), (0, 2, 2, 0))
    apart = np.square(blurred[4:, None] - blurred[None, :4]).mean((2, 3, 4))
    assert (apart.argmin(axis=1) == np.arange(20) % 4).mean() > 0.8  # a move is smaller than another figure


def test_keras_and_tfrecord_read_the_same_pictures(whole):
    labels, images = read(whole["tfds"])
    data = keras.utils.image_dataset_from_directory(
        whole["folders"] / "images",
        image_size=(28, 28),
        batch_size=None,
        color_mode="grayscale",
        verbose=False,
    )
    assert data.class_names == ["3", "alpha", "beta"]
    assert Counter(int(label) for _, label in data) == {0: 6, 1: 12, 2: 6}
    with (whole["folders"] / "labels.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["digit"] for line in lines] == labels
    paths = sorted(map(str, whole["tfrecord"].glob("*.tfrecord")))
    parsed = tf.io.parse_example(list(tf.data.TFRecordDataset(paths)), parse_spec(whole["tfrecord"]))
    assert [("3", "alpha", "beta")[n] for n in parsed["digit"]] == labels
    for n in (0, 7, 23):
        written = np.asarray(Image.open(whole["folders"] / lines[n]["file"]))[..., None]
        np.testing.assert_array_equal(written, images[n])
        np.testing.assert_array_equal(tf.io.decode_png(parsed["image"][n]), images[n])


@pytest.mark.parametrize("format_", FORMATS)
def test_shards_and_a_stopped_set_come_to_the_same_bytes(run, few, whole, format_, tmp_path, monkeypatch):
    assert not augment(run, few, tmp_path / "set", "2/2", format=format_)[0]
    write_part, done = augmentation.write_part, []

    def stop_at_the_second(job, part, *rest):
        if done:
            raise KeyboardInterrupt
        done.append(part)
        write_part(job, part, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(augmentation, "write_part", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            augment(run, few, tmp_path / "set", format=format_)
    assert augment(run, few, tmp_path / "set", format=format_)[0]
    assert files(tmp_path / "set") == files(whole[format_])


def test_a_complete_set_is_left_alone_and_learns_nothing(run, few, whole, monkeypatch):
    monkeypatch.setattr(module, "learn_moves", lambda *_: pytest.fail("moves are learned"))
    complete, said = augment(run, few, whole["tfds"])
    assert complete
    assert "is complete, nothing to do" in said[-1]


def test_a_changed_byte_is_found_and_made_again(run, few, whole, tmp_path):
    augment(run, few, tmp_path / "set")
    before = files(tmp_path / "set")
    path = sorted((tmp_path / "set").glob("*.tfrecord-*"))[2]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    said: list[str] = []
    with pytest.raises(UserError, match="is not whole"):
        verify_set(tmp_path / "set", said.append)
    words = shlex.split(said[-1].partition("make it again: gcn-tf ")[2])
    assert words[2:6] == ["--copies", "6", "--part-size", "5"]
    main(words)
    assert files(tmp_path / "set") == before
    verify_set(tmp_path / "set", said.append)
    assert "is complete" in said[-1]


def test_other_pictures_or_labels_are_another_set(run, figures, tmp_path):
    (tmp_path / "few").mkdir()
    write(tmp_path / "few", figures)
    augment(run, tmp_path / "few", tmp_path / "set", limit=4)
    plan = json.loads((tmp_path / "set" / "plan.json").read_text())
    assert len(plan["few_sha256"]) == 64
    write(tmp_path / "few", figures, ("beta", "alpha", "3", "beta"))
    with pytest.raises(UserError, match=r"few_sha256: .* there, .* now.*name another folder"):
        augment(run, tmp_path / "few", tmp_path / "set", limit=4)
    write(tmp_path / "few", 255 - figures)
    with pytest.raises(UserError, match="few_sha256"):
        augment(run, tmp_path / "few", tmp_path / "set", limit=4)


def test_a_set_that_was_moved_to_another_place_is_gone_on_with(run, figures, tmp_path):
    for place in ("here", "there"):
        (tmp_path / place / "few").mkdir(parents=True)
        write(tmp_path / place / "few", figures)
    assert not augment(run, tmp_path / "here" / "few", tmp_path / "here" / "set", "1/2")[0]
    (tmp_path / "here" / "set").rename(tmp_path / "there" / "set")
    assert augment(run, tmp_path / "there" / "few", tmp_path / "there" / "set")[0]
    plan = (tmp_path / "there" / "set" / "plan.json").read_text()
    assert str(tmp_path) not in plan
    assert augment(run, tmp_path / "there" / "few", tmp_path / "here" / "again")[0]
    assert plan == (tmp_path / "here" / "again" / "plan.json").read_text()


def test_limit_keeps_the_classes_even(run, few, tmp_path):
    augment(run, few, tmp_path / "set", limit=11)
    assert Counter(read(tmp_path / "set")[0]) == {"alpha": 5, "3": 3, "beta": 3}


def test_a_copy_depends_on_its_seed_picture_and_number_alone(run, few, figures, tmp_path):
    source = moved_pictures(run, settings(few))
    all_ = source.pictures(np.arange(source.count))
    np.testing.assert_array_equal(source.pictures(np.array([13, 5])), all_[[13, 5]])
    fewer = replace(source, ids=source.ids[1:], originals=lambda rows: source.originals(rows + 1))
    np.testing.assert_array_equal(fewer.pictures(np.array([3, 6])), all_[[5, 9]])
    assert (replace(source, seed=1).pictures(np.array([5])) != all_[5]).any()


def test_folders_name_the_classes_and_one_class_is_enough(run, figures, tmp_path):
    (tmp_path / "few" / "alpha").mkdir(parents=True)
    Image.fromarray(figures[0, ..., 0]).save(tmp_path / "few" / "alpha" / "x.png")
    assert augment(run, tmp_path / "few", tmp_path / "set", copies=3)[0]
    labels, images = read(tmp_path / "set")
    assert labels == ["alpha"] * 3
    np.testing.assert_array_equal(images[0], figures[0])


@pytest.mark.parametrize("where", [{"pattern": "{}/{digit}.png"}, {"labels": "TABLE"}, {"levels": "digit"}])
def test_the_labels_of_a_few_are_where_flags_say(run, figures, where, tmp_path):
    (tmp_path / "few" / "beta").mkdir(parents=True)
    Image.fromarray(figures[0, ..., 0]).save(tmp_path / "few" / "beta" / "alpha.png")
    (tmp_path / "else.csv").write_text("file_name,digit\nbeta/alpha.png,gamma\n")
    places = {name: value.replace("TABLE", str(tmp_path / "else.csv")) for name, value in where.items()}
    source = moved_pictures(run, settings(tmp_path / "few", **places))
    expected = {"pattern": "alpha", "labels": "gamma", "levels": "beta"}
    assert source.values == (expected[next(iter(where))],)


def test_the_own_pictures_of_a_run_come_once_each_and_moved(run, tmp_path):
    assert augment(run, "", tmp_path / "set", copies=3)[0]
    labels, images = read(tmp_path / "set")
    dataset = run.load_split().dataset
    assert Counter(labels) == dict.fromkeys(run.space["digit"].values, 9)
    assert labels[:20] == [*run.space["digit"].values] * 2
    assert sorted(image.tobytes() for image in images[:30]) == sorted(map(bytes, dataset.images))
    assert len(np.unique(images, axis=0)) == 90


def test_unseen_pictures_are_not_among_the_own(run, monkeypatch):
    split = run.load_split()
    hidden = replace(split, unseen=split.unseen | (split.ids[:, 1] == 2))
    monkeypatch.setattr(type(run), "load_split", lambda self: hidden)
    source = moved_pictures(run, settings(""))
    writers = split.dataset.base_ids[:, 1]
    own = source.pictures(np.arange(len(source.ids)))
    assert sorted(map(bytes, own)) == sorted(map(bytes, split.dataset.images[writers != 2]))


def test_the_fuller_grid_lies_beside_the_few(run, few, figures, tmp_path):
    complete, said = augment(run, few, tmp_path / "set", copies=2, with_fuller=True, format="folders")
    assert complete
    assert "1 of 3 classes of --few are taken for the run's of that name: 3" in said
    digits = run.space["digit"].values
    with (tmp_path / "set" / "labels.csv").open() as file:
        lines = list(csv.DictReader(file))
    for fuller, counted in (
        ("yes", dict.fromkeys(digits, 6)),
        ("no", {"alpha": 4, "beta": 2, "3": 2}),
    ):
        assert Counter(line["label"] for line in lines if line["fuller"] == fuller) == counted
    assert {path.name for path in (tmp_path / "set" / "images").iterdir()} == {*digits, "alpha", "beta"}
    given = [line["file"] for line in lines if line["fuller"] == "no"][:4]
    pixels = [np.asarray(Image.open(tmp_path / "set" / name)) for name in given]
    assert sorted(map(bytes, pixels)) == sorted(map(bytes, figures))
    with pytest.raises(UserError, match="with_fuller: True there, False now"):
        augment(run, few, tmp_path / "set", copies=2, format="folders")
    with pytest.raises(UserError, match=r"few_sha256: .* there, None now"):
        augment(run, "", tmp_path / "set", copies=2, format="folders")


def test_a_classifier_is_trained_on_the_fuller_grid_and_then_on_the_few(run, few, tmp_path):
    augment(run, few, tmp_path / "both", copies=2, with_fuller=True)
    page = (Path(__file__).parents[2] / "docs" / "augmentation.md").read_text()
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(12)]
    classifier = keras.Sequential(layers)
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    exec(code.replace('"both"', repr(str(tmp_path / "both"))), {"classifier": classifier})
    assert classifier.optimizer.iterations > 0


def test_what_was_padded_is_cut_off_before_pictures_move(run, few, figures, learned_once, monkeypatch):
    monkeypatch.setattr(type(run.config.options), "content_box", (0, 4, 28, 20))
    asked = []
    monkeypatch.setattr(module, "learn_moves", lambda pictures, *_: asked.append(pictures) or learned_once)
    source = moved_pictures(run, settings(few))
    assert source.image_shape == (28, 20, 1)
    np.testing.assert_array_equal(source.pictures(np.arange(4)), figures[[2, 1, 0, 3], :, 4:24])
    assert source.pictures(np.arange(8)).shape == (8, 28, 20, 1)
    assert asked[0](np.array([0, 3])).shape == (2, 28, 20, 1)


def test_pairs_share_the_class_and_differ_in_one_other_factor():
    ids = np.stack([axis.ravel() for axis in np.indices((3, 4, 2, 2))], axis=1)  # the last one is exact
    pairs = class_pairs(ids, 0, [1, 2], "letter")
    assert len(pairs) == 3
    for template, picture in pairs:
        differ = ids[template] != ids[picture]
        assert (differ.sum(axis=1) == 1).all()
        assert not differ[:, [0, 3]].any()
        assert differ[:, 1].any()
        assert differ[:, 2].any()
        assert len(set(zip(template.tolist(), picture.tolist(), strict=True))) == len(template)


def test_a_run_of_one_picture_per_class_has_no_moves():
    ids = np.stack([np.arange(5), np.arange(5)], axis=1)
    with pytest.raises(UserError, match="no two seen pictures of one letter that differ in one other factor"):
        class_pairs(ids, 0, [1], "letter")


def test_unseen_pictures_teach_no_moves(run, few, monkeypatch):
    split, asked = run.load_split(), []
    hidden = replace(split, unseen=split.unseen | (split.ids[:, 1] == 2))
    monkeypatch.setattr(type(run), "load_split", lambda self: hidden)
    monkeypatch.setattr(module, "learn_moves", lambda pictures, ids, *rest: asked.append(ids))
    moved_pictures(run, settings(few)).learn()
    assert set(asked[0][:, 1].tolist()) == {0, 1}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--few", "FEW"], "needs --for FACTOR"),
        (["--for", "digit", "--blend", "writer"], "not --blend and --for"),
        (["--for", "digit"], "add --copies 20"),
        (["--for", "rotation", "--copies", "2"], "name another factor: digit, writer"),
        (["--for", "digit", "--copies", "2", "--with-fuller"], "--with-fuller belongs to --few FOLDER"),
        (
            ["--for", "digit", "--copies", "2", "--pattern", "{digit}.png"],
            "--pattern belongs to --few FOLDER",
        ),
        (["--blend", "writer", "--labels", "digit"], "the factor of the classes is --label"),
        ([], "--fill unseen and --for FACTOR, not none of them"),
        (["--few", "FEW", "--for", "digit", "--blend", "writer"], "not --blend and --for"),
        (["--few", "FEW", "--for", "digit", "--mix", "writer,color"], "not --mix and --for"),
        (["--few", "FEW", "--for", "digit", "--fill", "unseen"], "not --fill and --for"),
        (
            ["--few", "FEW", "--for", "digit", "--ratio", "0.3"],
            "--ratio tells of pictures that a run generates",
        ),
        (["--few", "FEW", "--for", "digit", "--with", "color=red"], "--with tells of pictures that a run"),
        (["--few", "FEW", "--for", "digt", "--copies", "2"], "did you mean digit"),
        (["--few", "FEW", "--for", "color", "--copies", "2"], "name another factor: digit, writer"),
        (["--few", "FEW", "--for", "writer", "--copies", "2"], "labels.csv has no column writer"),
        (["--few", "FEW", "--for", "digit"], "add --copies 20"),
        (["--few", "EMPTY", "--for", "digit", "--copies", "2"], "holds no pictures"),
        (["--few", "ABSENT", "--for", "digit", "--copies", "2"], "is no folder"),
        (["--few", "FLAT", "--for", "digit", "--copies", "2"], "make a folder for every digit"),
        (["--few", "FLAT", "--for", "digit", "--copies", "2", "--pattern", "{digit}_{}.png"], "do not match"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2(run, few, figures, words, message, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    Image.fromarray(figures[0, ..., 0]).save(tmp_path / "flat" / "x.png")
    places = {
        "FEW": few,
        "EMPTY": tmp_path / "empty",
        "FLAT": tmp_path / "flat",
        "ABSENT": tmp_path / "absent",
    }
    words = [str(places.get(word, word)) for word in words]
    with pytest.raises(SystemExit) as stop:
        main(["augment", str(run.folder), *words, "--out", str(tmp_path / "set")])
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_a_picture_without_a_label_is_named(run, figures, tmp_path):
    write(tmp_path, figures, ("beta", "", "3", "alpha"))
    with pytest.raises(UserError, match=r"1.png has no digit: label it"):
        moved_pictures(run, settings(tmp_path))


@pytest.mark.parametrize(("brightness", "said"), [((0, 1), False), ((40, 200), True)])
def test_a_line_says_that_moves_of_photographs_taught_nothing(brightness, said):
    images = np.random.default_rng(0).integers(*brightness, (20, 16, 16, 3), np.uint8)
    images[:, 6:9, 6:9] = 255
    own = SimpleNamespace(rows=np.arange(20), pictures=lambda numbers: images[numbers])
    notes = _photographs(own)
    assert bool(notes) == said
    assert all("of photographed hands nothing" in note for note in notes)
