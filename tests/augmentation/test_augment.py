import csv
import dataclasses
import json
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from gcn_tf.augmentation import augment as augmentation
from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.augmentation.files import Folders
from gcn_tf.augmentation.picture_filter import balanced, confidence, nearest_difference
from gcn_tf.augmentation.report import Counts, report_lines
from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.folder.augmented import parse_spec
from gcn_tf.pipelines.split import load_split
from gcn_tf.synthesis.draw import generate_from_codes

FORMATS = ("tfds", "folders", "tfrecord")


def augment(run, out, shard="1/1", **options):
    """Run the command in this process; returns whether the set is complete, and what it said."""
    said: list[str] = []
    config = AugmentationConfig(**{"blend": "writer", "part_size": 30, **options})
    return augmentation.augment(run.folder, out, config, shard, said.append), said


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def read(folder):
    """A TFDS folder as arrays by feature, in the order of the files."""
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    data = tfds.builder_from_directory(folder).as_dataset(split="train", read_config=in_order)
    rows = list(data.as_numpy_iterator())
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """All formats of one set, unsharded."""
    folders = {name: tmp_path_factory.mktemp("whole") / name for name in FORMATS}
    for name, folder in folders.items():
        assert augment(run, folder, format=name, ratio="0.25")[0]
    return folders


def test_tfds_reads_pictures_labels_and_soft_weights(run, whole):
    builder = tfds.builder_from_directory(whole["tfds"])
    assert builder.info.splits["train"].num_examples == 3 * 2 * 10 * 3 * 4
    assert builder.info.features["label"].names == list("0123456789")
    assert builder.info.features["color"].names == ["red", "green", "blue"]
    assert builder.info.metadata["values"]["writer"] == ["0", "1", "2"]
    rows = read(whole["tfds"])
    assert rows["writer"].dtype == np.float32
    assert {tuple(sorted(w)) for w in rows["writer"].tolist()} == {(0.0, 0.25, 0.75)}
    np.testing.assert_array_equal(rows["label"], rows["digit"])
    combined = zip(rows["digit"], rows["color"], rows["rotation"], map(tuple, rows["writer"]), strict=True)
    assert len(set(combined)) == 720
    ids = {n: rows[n] for n in ("digit", "color", "rotation")}
    codes = {n: np.eye(run.space.sizes[n], dtype=np.float32)[i] for n, i in ids.items()}
    generated = generate_from_codes(run.model, {**codes, "writer": rows["writer"]})
    np.testing.assert_array_equal(rows["image"], generated)


def test_keras_reads_the_folders_and_labels_csv_tells_the_weights(run, whole):
    data = keras.utils.image_dataset_from_directory(
        whole["folders"] / "images", image_size=(28, 28), batch_size=None, shuffle=False, verbose=False
    )
    assert data.class_names == list("0123456789")
    assert Counter(int(label) for _, label in data) == dict.fromkeys(range(10), 72)
    rows = read(whole["tfds"])
    with (whole["folders"] / "labels.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 720
    for n in (0, 1, 400, 719):
        picture = np.asarray(Image.open(whole["folders"] / lines[n]["file"]))
        np.testing.assert_array_equal(picture, rows["image"][n])
        assert lines[n]["file"].split("/")[1] == lines[n]["label"] == lines[n]["digit"]
        np.testing.assert_array_equal(run.space["writer"].code(lines[n]["writer"]), rows["writer"][n])


def test_tfrecord_is_parsed_by_its_specification(whole):
    paths = sorted(map(str, whole["tfrecord"].glob("*.tfrecord")))
    records = list(tf.data.TFRecordDataset(paths))
    parsed = tf.io.parse_example(records, parse_spec(whole["tfrecord"]))
    rows = read(whole["tfds"])
    for name in ("label", "digit", "color", "rotation", "writer"):
        np.testing.assert_array_equal(parsed[name], rows[name])
    np.testing.assert_array_equal(tf.io.decode_png(parsed["image"][5]), rows["image"][5])
    assert json.loads((whole["tfrecord"] / "features.json").read_text())["pictures"] == 720


@pytest.mark.parametrize("format_", FORMATS)
def test_shards_together_are_the_whole_set_byte_for_byte(run, whole, format_, tmp_path):
    for shard in ("2/3", "1/3"):
        complete, said = augment(run, tmp_path / "set", shard, format=format_, ratio="0.25")
        assert not complete
    assert "8 of 24 parts are missing or damaged" in said[-1]
    assert augment(run, tmp_path / "set", "3/3", format=format_, ratio="0.25")[0]
    assert files(tmp_path / "set") == files(whole[format_])


def test_shards_of_different_folders_do_not_overlap(run, tmp_path):
    names = [
        {f for f in files(tmp_path / shard[0]) if "tfrecord-" in f}
        for shard in ("1/3", "2/3", "3/3")
        if not augment(run, tmp_path / shard[0], shard)[0]
    ]
    assert [len(some) for some in names] == [4, 4, 4]
    assert len(set.union(*names)) == 12


def test_a_complete_set_is_left_alone(run, whole):
    before = {p: p.stat().st_mtime_ns for p in whole["tfds"].rglob("*")}
    complete, said = augment(run, whole["tfds"], ratio="0.25")
    assert complete
    assert "is complete, nothing to do" in said[0]
    assert {p: p.stat().st_mtime_ns for p in whole["tfds"].rglob("*")} == before


def test_another_plan_does_not_mix_in(run, whole):
    with pytest.raises(UserError, match=r"ratio: 0.25 there, 0.5 now.*name another folder"):
        augment(run, whole["tfds"])


def test_a_folder_with_other_files_is_refused(run, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="holds files that augment did not write"):
        augment(run, tmp_path)


def test_limit_gives_different_pictures_with_even_classes(run, tmp_path):
    augment(run, tmp_path / "set", limit=50, ratio="beta:0.4", copies=2)
    rows = read(tmp_path / "set")
    assert Counter(rows["label"].tolist()) == dict.fromkeys(range(10), 5)
    assert len(np.unique(rows["writer"], axis=0)) == 50


def test_fill_generates_every_unseen_cell_as_it_is(run, tmp_path):
    augment(run, tmp_path / "set", blend="", fill="unseen")
    rows = read(tmp_path / "set")
    split = load_split(run.config)
    cells = np.stack([rows[name] for name in run.space.names], axis=1)
    assert sorted(map(tuple, cells)) == sorted(map(tuple, split.ids[split.unseen]))
    np.testing.assert_array_equal(rows["image"], generate_from_codes(run.model, run.space.one_hot(cells)))


def test_the_label_can_be_another_factor_and_a_mix_may_leave_none(run, tmp_path):
    augment(run, tmp_path / "color", label="color", limit=12)
    assert read(tmp_path / "color")["label"].max() == 2
    augment(run, tmp_path / "all", blend="", mix="digit,writer,color,rotation", limit=40)
    rows = read(tmp_path / "all")
    assert set(rows) == {"image", *run.space.names}
    assert rows["rotation"].shape == (40, 4)


def toy_confidence(run, rows):
    """Of the digits, the toy classifier's: some classes pass more often than others."""
    codes = {"digit": np.eye(10, dtype=np.float32)[rows["digit"]]}
    return confidence(run.model, ["digit"])(rows["image"], codes)


def test_the_filter_keeps_what_is_classified_with_confidence_and_reports_the_share_by_class(
    run, whole, tmp_path
):
    rows = read(whole["tfds"])
    sure = toy_confidence(run, rows)
    limit = float(np.sort(sure)[360:362].mean())
    options = {"ratio": "0.25", "min_confidence": limit}
    _, said = augment(run, tmp_path / "set", **options)
    wanted = Counter(rows["label"][sure >= limit].tolist())
    assert Counter(read(tmp_path / "set")["label"].tolist()) == wanted
    report = json.loads((tmp_path / "set" / "augmentation.json").read_text())
    assert {name: found["kept"] for name, found in report["classes"].items()} == {
        str(d): wanted[d] for d in range(10)
    }
    assert report["pictures"] == {"wanted": 720, "passed": wanted.total(), "kept": wanted.total()}
    remedy = "--balance" if min(wanted[d] for d in range(10)) else "lower --min-confidence"
    assert any(line.startswith("uneven: ") and remedy in line for line in said)


def test_balance_is_advised_only_where_it_leaves_something():
    wanted = np.array([5, 5])
    for passed, advised in (([1, 5], True), ([0, 5], False)):
        counts = Counts(wanted, np.array(passed), np.array(passed))
        last = report_lines("digit", ("0", "1"), counts, filtered=True, balance=False)[-1]
        assert ("--balance" in last) == advised
        assert ("lower --min-confidence" in last) != advised


def test_balance_keeps_as_many_of_every_class(run, whole, tmp_path):
    sure = toy_confidence(run, read(whole["tfds"]))
    digits = read(whole["tfds"])["label"]
    limit = min(np.sort(sure[digits == d])[30] for d in range(10))  # every class has some that pass
    options = {"ratio": "0.25", "min_confidence": float(limit), "part_size": 720}
    _, said = augment(run, tmp_path / "set", **options, balance=True)
    kept = Counter(read(tmp_path / "set")["label"].tolist())
    assert len(set(kept.values())) == 1
    assert len(kept) == 10
    assert 0 < kept[0] < 72
    assert not any(line.startswith("uneven") for line in said)


def test_without_filter_the_classes_take_one_line(run, tmp_path):
    """A table of 100 % tells nothing."""
    _, said = augment(run, tmp_path / "even", limit=50)
    assert said[1] == "digit: 5 of each of 10 values"
    _, said = augment(run, tmp_path / "uneven", limit=4, label="color")
    assert said[1] == "color: 2 of red, 1 of green, 1 of blue"
    assert len(said) == 3


def test_with_a_filter_every_class_has_its_share(run, tmp_path):
    _, said = augment(run, tmp_path / "set", limit=50, min_confidence=1e-6)
    assert said[1].split() == ["digit", "wanted", "past", "the", "filter", "kept", "share"]
    assert said[2].split() == ["0", "5", "5", "5", "100.0%"]


def test_what_the_filter_leaves_nothing_of_is_an_error(run, tmp_path):
    with pytest.raises(UserError, match="no picture passed the filter: lower --min-confidence"):
        augment(run, tmp_path / "none", min_confidence=1.0)


def test_a_class_that_the_filter_empties_is_named_when_balancing(run, whole, tmp_path):
    rows = read(whole["tfds"])
    sure = toy_confidence(run, rows)
    best = [sure[rows["digit"] == d].max() for d in range(10)]
    limit = float((min(best) + sorted(best)[1]) / 2)
    options = {"ratio": "0.25", "min_confidence": limit, "balance": True}
    with pytest.raises(UserError, match=f"no picture of digit {np.argmin(best)} passed the filter"):
        augment(run, tmp_path / "none", **options)


def test_pictures_near_a_training_picture_are_left_out(run, whole, tmp_path):
    split = load_split(run.config)
    seen = pixels(split, split.rows(unseen=False))
    images = read(whole["tfds"])["image"]
    found = nearest_difference(images[:20], seen, chunk=50)
    differences = images[:20, None].astype(np.float64) - seen[None]
    np.testing.assert_allclose(found, np.sqrt((differences**2).mean(axis=(2, 3, 4)).min(axis=1)), rtol=1e-4)
    assert nearest_difference(seen[:3], seen).max() == 0
    distances = nearest_difference(images, seen)
    limit = float(np.median(distances)) + 1e-3
    augment(run, tmp_path / "set", ratio="0.25", min_distance=limit)
    np.testing.assert_array_equal(read(tmp_path / "set")["image"], images[distances >= limit])


@pytest.mark.parametrize("format_", FORMATS)
def test_parts_that_the_filter_empties_do_no_harm(run, whole, format_, tmp_path):
    sure = toy_confidence(run, read(whole["tfds"]))
    limit = float(np.sort(sure)[-6:-4].mean())  # five of 24 parts x 30 pictures
    augment(run, tmp_path / "set", format=format_, ratio="0.25", min_confidence=limit)
    count = {
        "tfds": lambda folder: len(read(folder)["image"]),
        "folders": lambda folder: len((folder / "labels.csv").read_text().splitlines()) - 1,
        "tfrecord": lambda folder: sum(
            1 for _ in tf.data.TFRecordDataset(sorted(map(str, folder.glob("*.tfrecord"))))
        ),
    }
    assert count[format_](tmp_path / "set") == 5


def test_balanced_takes_the_first_of_every_class():
    kept = balanced(np.array([0, 0, 2, 0, 2, 2, 2]), [0, 2])
    assert kept.tolist() == [True, True, True, True, True, True, False]
    assert not balanced(np.array([0, 0]), [0, 1]).any()


def test_keras_numbers_the_classes_the_same_when_one_is_empty(tmp_path, run):
    writer = Folders(tmp_path, run.space, ("writer",), "digit", ("3", "8"), (28, 28, 3), 0)
    writer.finish([], tmp_path)
    assert {p.name for p in (tmp_path / "images").iterdir()} == {"3", "8"}


@pytest.mark.parametrize(
    "words, message",
    [
        (
            [],
            "give one of --blend FACTOR, --mix FACTOR,FACTOR, --fill unseen and --for FACTOR, not none of them",
        ),
        (["--blend", "writer", "--fill", "unseen"], "not --blend and --fill"),
        (["--blend", "wrter"], "did you mean writer"),
        (["--blend", "writer,color"], "use --mix writer,color"),
        (["--blend", "writer", "--with", "writer=1"], "writer has one value here (1)"),
        (["--blend", "writer", "--with", "digit"], "'digit' is not of the form factor=value"),
        (["--blend", "writer", "--ratio", "2"], "ratio '2'"),
        (["--blend", "writer", "--copies", "2"], "--copies 2 would generate the same pictures again"),
        (["--blend", "writer", "--shard", "0/4"], "--shard 0/4"),
        (["--blend", "writer", "--shard", "5/4"], "--shard 5/4"),
        (["--blend", "writer", "--shard", "x"], "--shard x: give number/count"),
        (
            ["--blend", "writer", "--shard", "auto"],
            "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set",
        ),
        (["--blend", "writer", "--limit", "0"], "--limit 0: give a number from 1"),
        (["--blend", "writer", "--min-confidence", "90"], "--min-confidence 90: give a number from 0 to 1"),
        (["--blend", "writer", "--min-distance", "nan"], "--min-distance nan"),
        (["--blend", "writer", "--confidence-in", "digit"], "needs --min-confidence"),
        (["--blend", "writer", "--confidence-in", "digt", "--min-confidence", "0.5"], "did you mean digit"),
        (["--blend", "writer", "--label", "writer"], "label writer is blended"),
        (["--fill", "unseen", "--ratio", "0.3"], "--fill generates cells as they are"),
        (["--fill", "unseen", "--with", "digit=0", "writer=0", "rotation=0", "color=red"], "no unseen cell"),
        (["--mix", "digit,writer,color,rotation", "--format", "folders"], "leave one unblended"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2(run, words, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["augment", str(run.folder), *words, "--out", str(tmp_path / "set")])
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to --out .*file/set: Not a directory"):
        augment(run, tmp_path / "file" / "set")


def test_a_run_whose_classifier_never_learned_cannot_filter(run, monkeypatch):
    alone = dataclasses.replace(run.model.objective, cooperation="none")
    monkeypatch.setattr(run.model, "objective", alone)
    with pytest.raises(UserError, match="no trained classifier"):
        confidence(run.model, ["digit"])


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(run, tmp_path, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(augmentation, "write_part", interrupted)
    with pytest.raises(SystemExit) as stop:
        main(["augment", str(run.folder), "--blend", "writer", "--out", str(tmp_path / "set")])
    assert stop.value.code == 130
    assert f"stopped; the same command continues {Path(tmp_path / 'set')}" in capsys.readouterr().err
