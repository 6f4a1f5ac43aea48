"""`gcn-tf augment --verify FOLDER`: shards that several processes wrote are one set, or it says which are not."""

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from gcn_tf.augmentation import augment as augmentation
from gcn_tf.augmentation.augmented_set import LAYOUT, read_set
from gcn_tf.augmentation.config import AugmentationConfig, command_words, settings
from gcn_tf.augmentation.verify import verify_set
from gcn_tf.cli import main
from gcn_tf.commands.augment import parse
from gcn_tf.errors import UserError

FORMATS = ("tfds", "folders", "tfrecord")
in_every_format = pytest.mark.parametrize("format_", FORMATS)
OPTIONS = {"blend": "writer", "limit": 100, "part_size": 20}  # five parts


def augment(run, out, shard="1/1", **options):
    config = AugmentationConfig(**{**OPTIONS, **options})
    return augmentation.augment(run.folder, out, config, shard, say=lambda line: None)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def verify(folder):
    """What is said of a folder, and the error, if there is one."""
    said: list[str] = []
    try:
        verify_set(folder, said.append)
    except UserError as error:
        return said, str(error)
    return said, ""


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """The set that one process writes, in every format: read it, do not write to it."""
    folders = {name: tmp_path_factory.mktemp("whole") / name for name in FORMATS}
    for name, folder in folders.items():
        assert augment(run, folder, format=name)
    return folders


@pytest.fixture(scope="module")
def shares(run, tmp_path_factory):
    """The same set in TFRecord files, each of three shards in a folder of its own."""
    folders = [tmp_path_factory.mktemp("shares") / f"{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        assert not augment(run, folder, f"{number}/3", format="tfrecord")
    return folders


@pytest.fixture
def gathered(tmp_path):
    """Copies folders into one."""

    def gather(*folders):
        for folder in folders:
            shutil.copytree(folder, tmp_path / "set", dirs_exist_ok=True)
        return tmp_path / "set"

    return gather


# Whole sets


@in_every_format
def test_shards_of_several_folders_become_the_set_that_one_process_writes(
    run, whole, gathered, format_, tmp_path
):
    for number in (1, 2, 3):
        augment(run, tmp_path / f"{number}", f"{number}/3", format=format_)
    folder = gathered(*(tmp_path / f"{number}" for number in (3, 1, 2)))
    assert not (folder / "augmentation.json").exists()
    said, error = verify(folder)
    assert not error
    assert said[0].startswith("parts read: 5 (")
    assert said[0].endswith("; damaged: none")
    assert said[-1].startswith("100 pictures; read them: ")
    assert files(folder) == files(whole[format_])
    assert "is complete, nothing to do" in verify(folder)[0][1]
    assert files(folder) == files(whole[format_])


def test_tfds_reads_all_shards_in_the_order_of_numbers(run, whole, tmp_path):
    for number in (2, 1):
        augment(run, tmp_path / "set", f"{number}/2")
    (tmp_path / "set" / "dataset_info.json").unlink()
    said, error = verify(tmp_path / "set")
    assert not error
    assert "what describes the set is written again: dataset_info.json is missing" in said
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    one, other = (
        list(
            tfds.builder_from_directory(folder)
            .as_dataset(split="train", read_config=in_order)
            .as_numpy_iterator()
        )
        for folder in (whole["tfds"], tmp_path / "set")
    )
    assert len(one) == len(other) == 100
    for expected, found in zip(one, other, strict=True):
        for name in expected:
            np.testing.assert_array_equal(expected[name], found[name])


@in_every_format
def test_a_complete_set_is_read_and_not_written_to(whole, format_, monkeypatch):
    def refuse(*words, **options):
        raise PermissionError(30, "Read-only file system", str(words[0]))

    before = files(whole[format_])
    for name in ("replace", "rename", "mkdir", "unlink", "link", "rmdir"):
        monkeypatch.setattr(os, name, refuse)
    said, error = verify(whole[format_])
    assert not error
    assert said[0].startswith("parts read: 5 (")
    assert "is complete, nothing to do" in said[1]
    assert len(said) == 2
    monkeypatch.undo()
    assert files(whole[format_]) == before


def test_nothing_of_the_run_is_read(whole, gathered, shares, monkeypatch):
    monkeypatch.setattr("gcn_tf.augmentation.augment.open_run", None)
    folder = gathered(*shares)
    assert not verify(folder)[1]
    assert files(folder) == files(whole["tfrecord"])


# Sets that are not whole


def test_a_missing_shard_is_named_with_the_command_that_makes_it(run, whole, gathered, shares, capsys):
    folder = gathered(shares[0], shares[2])
    with pytest.raises(SystemExit) as stop:
        main(["augment", "--verify", str(folder)])
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert f"{folder} is not whole, 1 of 3 shards: give the command above" in said.err
    assert said.err.count("\n") == 1
    read, line = said.out.splitlines()
    assert read == "parts read: 3 (6 files); damaged: none"
    assert line.startswith("shard 2/3: none of its 2 parts is there; make it again: gcn-tf augment ")
    words = shlex.split(line.partition("make it again: ")[2])
    assert words[-4:] == ["--shard", "2/3", "--out", str(folder)]
    main(words[1:])
    main(["augment", "--verify", str(folder)])
    assert files(folder) == files(whole["tfrecord"])


@pytest.mark.parametrize("changed", [False, True])
def test_a_damaged_shard_is_named_with_the_command_that_makes_it(run, whole, gathered, shares, changed):
    folder = gathered(*shares)
    victim = folder / "augmented-00003-of-00005.tfrecord"
    content = victim.read_bytes()
    victim.write_bytes(bytes([content[0] ^ 1]) + content[1:] if changed else content[:-1])
    said, error = verify(folder)
    what = (
        f"the content of {victim.name} has changed"
        if changed
        else f"{victim.name} has {len(content) - 1:,} bytes, not {len(content):,}"
    )
    assert "1 of 3 shards" in error
    assert said[1].startswith(f"shard 1/3: part 00003: {what}; make it again: ")
    assert not (folder / "augmentation.json").exists()
    main(shlex.split(said[1].partition("gcn-tf ")[2]))
    assert not verify(folder)[1]
    assert files(folder) == files(whole["tfrecord"])


def test_a_shard_of_another_job_is_named(run, gathered, shares, tmp_path):
    augment(run, tmp_path / "other", "2/3", format="tfrecord", ratio="0.25")
    folder = gathered(tmp_path / "other", shares[0], shares[2])
    said, error = verify(folder)
    assert "1 of 3 shards" in error
    assert said[1].startswith(
        "shard 2/3: part 00001: parts/00001.json is of another set, part 00004: parts/00004.json is of another set; "
    )


def test_the_plan_of_another_job_is_told(run, gathered, shares, tmp_path):
    augment(run, tmp_path / "other", "2/3", format="tfrecord", ratio="0.25")
    folder = gathered(*shares)
    shutil.copy(tmp_path / "other" / "plan.json", folder)
    assert "holds parts of two sets (parts/layout.json is not of plan.json)" in verify(folder)[1]


def test_shards_of_different_counts_are_told_when_parts_are_missing(run, whole, gathered, shares, tmp_path):
    augment(run, tmp_path / "fourth", "2/4", format="tfrecord")
    folder = gathered(shares[0], tmp_path / "fourth")
    said, error = verify(folder)
    assert "2 of 5 parts" in error
    assert said[1].startswith("shards of different counts were written here (1/3, 2/4)")
    assert said[2].startswith("the set: part 00002: not made yet, part 00004: not made yet; make it again: ")
    assert "--shard" not in said[2]
    main(shlex.split(said[2].partition("gcn-tf ")[2]))
    assert files(folder) == files(whole["tfrecord"])


def test_a_part_under_two_numbers_is_told(run, whole, tmp_path):
    folder = Path(shutil.copytree(whole["tfrecord"], tmp_path / "set"))
    shutil.copy(folder / "augmented-00001-of-00005.tfrecord", folder / "augmented-00002-of-00005.tfrecord")
    shutil.copy(folder / "parts" / "00001.json", folder / "parts" / "00002.json")
    said, error = verify(folder)
    assert "1 of 5 parts" in error
    assert said[1].startswith("the set: part 00002: parts/00002.json is a copy of that of part 00001; ")
    main(shlex.split(said[1].partition("gcn-tf ")[2]))
    assert files(folder) == files(whole["tfrecord"])


@pytest.mark.parametrize(
    "format_, name",
    [
        ("tfds", "augmented-train.tfrecord-00000-of-00004"),
        ("tfrecord", "augmented-00000-of-00004.tfrecord"),
        ("folders", "images/3/other.png"),
    ],
)
def test_pictures_that_are_of_no_part_are_told(whole, tmp_path, format_, name):
    folder = Path(shutil.copytree(whole[format_], tmp_path / "set"))
    (folder / "notes.txt").touch()
    assert verify(folder)[0][-1] == "files that augment did not write: 1, such as notes.txt"
    (folder / name).touch()
    assert f"1 files with pictures that are not of this set, such as {name}" in verify(folder)[1]


def test_many_damaged_parts_of_a_shard_are_one_line(whole, tmp_path):
    folder = Path(shutil.copytree(whole["tfds"], tmp_path / "set"))
    for path in folder.glob("*tfrecord-*"):
        path.unlink()
    said, error = verify(folder)
    assert "5 of 5 parts" in error
    assert len(said) == 2
    assert ", and 2 more parts; make it again: " in said[1]


# What the folder says of itself


def test_a_set_of_an_earlier_version_gets_its_layout_from_the_command_that_wrote_it(run, whole, tmp_path):
    folder = Path(shutil.copytree(whole["tfds"], tmp_path / "set"))
    (folder / LAYOUT).unlink()
    assert "has no parts/layout.json, as sets of an earlier version: give the command" in verify(folder)[1]
    config = AugmentationConfig(**OPTIONS)
    assert augmentation.augment(run.folder, folder, config, say=lambda line: None, verify=True)
    assert not verify(folder)[1]
    assert files(folder) == files(whole["tfds"])


@pytest.mark.parametrize(
    "old, new",
    [("red", "rad"), ('"soft"', '"saft"'), ('"tfds"', '"tfrecord"'), ("28", "27"), ("check", "chack")],
)
def test_a_changed_layout_or_plan_is_told(whole, tmp_path, old, new):
    folder = Path(shutil.copytree(whole["tfds"], tmp_path / "set"))
    for name in ("plan.json", LAYOUT):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match="give the command that wrote it, with --verify"):
        read_set(folder)


@pytest.mark.parametrize("changes", [{"format": "x"}, {"part_size": 0}, {"pictures": None}, {"label": "x"}])
def test_a_plan_that_augment_did_not_write_is_told(whole, tmp_path, changes):
    folder = Path(shutil.copytree(whole["tfds"], tmp_path / "set"))
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    (folder / "plan.json").write_text(json.dumps(plan | changes), encoding="utf-8")
    with pytest.raises(UserError, match=r"plan.json is damaged"):
        read_set(folder)


def test_a_folder_that_is_no_set_is_told(run):
    with pytest.raises(UserError, match=r"holds no augmented set \(no plan.json\)"):
        verify_set(run.folder)


@pytest.mark.parametrize(
    "words", [[], ["--verify", "--blend", "writer"], ["--verify", "--shard", "1/2"], ["--blend", "writer"]]
)
def test_without_out_nothing_but_verify_is_taken(words, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["augment", str(tmp_path), *words])
    assert stop.value.code == 2
    assert "--out is missing: name the folder of the dataset" in capsys.readouterr().err


@pytest.mark.parametrize(
    "config",
    [
        AugmentationConfig(blend="writer"),
        AugmentationConfig(
            mix="writer,digit", ratio="beta:0.4", copies=3, limit=7, label="color", seed=4, format="folders"
        ),
        AugmentationConfig(fill="unseen", with_=("digit=3,8", "color=red"), min_distance=2.5, part_size=9),
        AugmentationConfig(blend="writer", balance=True, min_confidence=0.1, confidence_in="digit,color"),
    ],
)
def test_the_words_of_a_plan_give_its_settings_again(config):
    found = parse(["runs/demo", *command_words(json.loads(json.dumps(settings(config)))), "--out", "x"])
    assert settings(found) == settings(config)


def test_a_process_says_which_shard_it_makes_until_the_set_is_whole(run, tmp_path):
    augment(run, tmp_path / "set", "2/3")
    assert (tmp_path / "set" / "parts" / "shard-2-of-3.json").exists()
    for shard in ("1/3", "3/3"):
        augment(run, tmp_path / "set", shard)
    assert not list(tmp_path.glob("set/parts/shard-*"))
