"""A set is one thing: whatever is cut, lost, changed or killed, the same command brings it to the same bytes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from gcn_tf.augmentation import augment as augmentation
from gcn_tf.augmentation.augment import claim
from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.augmentation.plan import make_job
from gcn_tf.cli import main
from gcn_tf.errors import UserError

FORMATS = ("tfds", "folders", "tfrecord")
in_every_format = pytest.mark.parametrize("format_", FORMATS)
in_one_format_in_ci = pytest.mark.parametrize(
    "format_",
    [pytest.param(name, marks=pytest.mark.long if n else pytest.mark.slow) for n, name in enumerate(FORMATS)],
)
WORDS = ["--blend", "writer", "--limit", "60", "--part-size", "20"]
OPTIONS = {"blend": "writer", "limit": 60, "part_size": 20}  # three parts
DESCRIBING = {
    "tfds": ("dataset_info.json", "features.json", "metadata.json", "color.labels.txt"),
    "folders": ("labels.csv",),
    "tfrecord": ("features.json",),
}


def augment(run, out, shard="1/1", verify=False, **options):
    """Run the command in this process; returns whether the set is complete, and what it said."""
    said: list[str] = []
    config = AugmentationConfig(**{**OPTIONS, **options})
    return augmentation.augment(run.folder, out, config, shard, said.append, verify), said


def files(folder):
    """The bytes of every file by name, and None for every folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def data_of(folder, part):
    """The file of a part's pictures; of a folder of pictures, the first one."""
    found = sorted([*folder.glob(f"*tfrecord-{part:05d}-*"), *folder.glob(f"*-{part:05d}-of-*.tfrecord")])
    return found[0] if found else folder / pictures_of(folder, part)[0]


def pictures_of(folder, part):
    lines = (folder / "parts" / f"{part:05d}.csv").read_text(encoding="utf-8").splitlines()
    return [line.split(",")[0] for line in lines]


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """The undisturbed set in every format: read it, do not write to it."""
    folders = {name: tmp_path_factory.mktemp("whole") / name for name in FORMATS}
    for name, folder in folders.items():
        assert augment(run, folder, format=name)[0]
    return folders


@pytest.fixture
def copy(whole, tmp_path):
    """Copies the whole set of a format, to be damaged."""
    return lambda format_: Path(shutil.copytree(whole[format_], tmp_path / "set"))


# Damage


@in_every_format
@pytest.mark.parametrize("verify", [False, True])
def test_a_cut_file_is_made_again_and_named(run, whole, copy, format_, verify):
    folder = copy(format_)
    victim = data_of(folder, 1)
    size = victim.stat().st_size
    os.truncate(victim, 100)
    complete, said = augment(run, folder, format=format_, verify=verify)
    assert complete
    name = victim.relative_to(folder)
    assert f"part 00001 is made again: {name} has 100 bytes, not {size:,}" in said
    assert sum("made again" in line for line in said) == 1
    assert files(folder) == files(whole[format_])
    assert "is complete, nothing to do" in augment(run, folder, format=format_)[1][0]


@in_every_format
def test_a_file_that_is_gone_is_made_again_and_named(run, whole, copy, format_):
    folder = copy(format_)
    victim = data_of(folder, 2)
    victim.unlink()
    _, said = augment(run, folder, format=format_)
    assert f"part 00002 is made again: {victim.relative_to(folder)} is missing" in said
    assert files(folder) == files(whole[format_])


def test_pictures_that_were_deleted_are_made_again(run, whole, copy):
    folder = copy("folders")
    shutil.rmtree(folder / "images")
    complete, said = augment(run, folder, format="folders")
    assert complete
    assert sum("is made again: images/" in line for line in said) == 3
    assert files(folder) == files(whole["folders"])


@pytest.mark.parametrize("damaged", ["cut", "gone", "changed"])
def test_damaged_lines_of_a_part_are_written_again(run, whole, copy, damaged):
    folder = copy("folders")
    table = folder / "parts" / "00001.csv"
    content = table.read_bytes()
    if damaged == "gone":
        table.unlink()
    else:
        table.write_bytes(content[:-30] if damaged == "cut" else content.replace(b"images/0/", b"images/1/"))
    _, said = augment(run, folder, format="folders")
    assert any(line.startswith("part 00001 is made again: ") for line in said)
    assert files(folder) == files(whole["folders"])


def change(path):
    """Another byte in the middle: the size stays the same."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@in_every_format
def test_only_verify_finds_a_changed_byte(run, whole, copy, format_):
    folder = copy(format_)
    change(data_of(folder, 1))
    assert "is complete, nothing to do" in augment(run, folder, format=format_)[1][0]
    complete, said = augment(run, folder, format=format_, verify=True)
    assert complete
    assert said[0].endswith("files); damaged: 1")
    assert said[1].startswith("part 00001 is made again: the content of ")
    assert files(folder) == files(whole[format_])


def test_damage_that_verify_found_is_not_forgotten_when_it_is_stopped(run, whole, copy, monkeypatch):
    folder = copy("tfds")
    change(data_of(folder, 1))

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(augmentation, "write_part", stop)
        with pytest.raises(KeyboardInterrupt):
            augment(run, folder, verify=True)
    assert not (folder / "augmentation.json").exists()
    assert augment(run, folder)[0]
    assert files(folder) == files(whole["tfds"])


@in_every_format
def test_verify_tells_how_much_it_read(run, whole, format_):
    before = files(whole[format_])
    complete, said = augment(run, whole[format_], format=format_, verify=True)
    count = {"folders": 60 + 3 + 3}.get(format_, 3 + 3)
    assert complete
    assert said[0] == f"parts read: 3 ({count} files); damaged: none"
    assert "is complete, nothing to do" in said[1]
    assert files(whole[format_]) == before


def test_verify_reads_the_parts_of_its_shard(run, copy):
    folder = copy("tfds")
    change(data_of(folder, 1))
    assert augment(run, folder, "1/3", verify=True)[1][0] == "parts read: 1 (2 files); damaged: none"
    assert augment(run, folder, "2/3", verify=True)[1][0] == "parts read: 1 (2 files); damaged: 1"


def test_a_part_of_another_shard_that_is_damaged_is_left_to_it(run, copy):
    folder = copy("tfds")
    os.truncate(data_of(folder, 1), 100)
    complete, said = augment(run, folder, "1/3")
    assert not complete
    assert "1 of 3 parts are missing or damaged: run the other shards" in said[-1]


@in_every_format
@pytest.mark.parametrize("text", ["", "{", "[]", '{"wanted": 1}'])
def test_a_damaged_record_of_a_part_is_no_record(run, whole, copy, format_, text):
    folder = copy(format_)
    (folder / "parts" / "00001.json").write_text(text, encoding="utf-8")
    assert "part 00001 is made again: parts/00001.json is damaged" in augment(run, folder, format=format_)[1]
    assert files(folder) == files(whole[format_])


@pytest.mark.parametrize(
    "old, new", [(b"[2, 2", b"[3, 2"), (b'"sha256": "', b'"sha256": "0'), (b"check", b"chock")]
)
def test_a_changed_number_in_a_record_is_noticed(run, whole, copy, old, new):
    folder = copy("tfds")
    record = folder / "parts" / "00001.json"
    assert old in record.read_bytes()
    record.write_bytes(record.read_bytes().replace(old, new, 1))
    assert "part 00001 is made again: parts/00001.json is damaged" in augment(run, folder)[1]
    assert files(folder) == files(whole["tfds"])


@pytest.mark.parametrize("format_, name", [(f, name) for f in FORMATS for name in DESCRIBING[f]])
def test_files_that_describe_the_set_are_written_again(run, whole, copy, format_, name):
    folder = copy(format_)
    (folder / name).unlink()
    complete, said = augment(run, folder, format=format_)
    assert complete
    assert said[0] == f"what describes the set is written again: {name} is missing"
    assert files(folder) == files(whole[format_])
    os.truncate(folder / name, 3)
    assert f"{name} has 3 bytes, not" in augment(run, folder, format=format_)[1][0]
    change(folder / name)
    assert "nothing to do" in augment(run, folder, format=format_)[1][0]
    assert "has changed" in augment(run, folder, format=format_, verify=True)[1][1]
    assert files(folder) == files(whole[format_])


@pytest.mark.parametrize("damaged", ["gone", "cut", "changed", "of no set"])
def test_a_damaged_report_is_written_again(run, whole, copy, damaged):
    folder = copy("tfrecord")
    path = folder / "augmentation.json"
    text = path.read_text(encoding="utf-8")
    new = {"cut": text[:100], "changed": text.replace('"kept": 60', '"kept": 61'), "of no set": "{}"}
    if damaged == "gone":
        path.unlink()
    else:
        assert new[damaged] != text
        path.write_text(new[damaged], encoding="utf-8")
    assert augment(run, folder, format="tfrecord")[0]
    assert files(folder) == files(whole["tfrecord"])


def test_a_folder_of_a_class_without_pictures_belongs_to_the_set(run, tmp_path):
    """Without it, Keras would number the classes otherwise."""
    options = {"format": "folders", "limit": 4, "label": "color", "part_size": 4}
    augment(run, tmp_path / "set", **options)
    for picture in (tmp_path / "set" / "images" / "blue").iterdir():
        picture.unlink()
    (tmp_path / "set" / "images" / "blue").rmdir()
    assert augment(run, tmp_path / "set", **options)[0]
    assert len(list((tmp_path / "set" / "images" / "blue").iterdir())) == 1


@pytest.mark.long
@in_every_format
def test_a_set_of_an_earlier_version_is_made_again_to_the_same_bytes(run, whole, copy, format_):
    folder = copy(format_)
    (folder / "parts/layout.json").unlink()
    for path in folder.glob("parts/*.json"):
        stored = json.loads(path.read_text(encoding="utf-8"))
        kept = {name: stored[name] for name in ("wanted", "passed", "kept")}
        path.write_text(json.dumps(kept), encoding="utf-8")
    report = json.loads((folder / "augmentation.json").read_text(encoding="utf-8"))
    del report["files"]
    (folder / "augmentation.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    if format_ == "folders":
        Path(f"{data_of(folder, 1)}.partial").write_bytes(b"half")
    complete, said = augment(run, folder, format=format_)
    assert complete
    earlier = "made again, for an earlier version wrote them without the sizes of their files: 3 parts"
    assert said[0] == earlier
    assert sum("made again" in line for line in said) == 1
    assert files(folder) == files(whole[format_])


def test_a_plan_of_an_earlier_version_names_no_run(run, copy):
    folder = copy("tfds")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    plan.pop("run", None)
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert augment(run, folder)[0]
    plan["weights"] = "of another run"
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(UserError, match="weights: of another run there"):
        augment(run, folder)


@in_every_format
def test_a_whole_set_on_a_disk_without_writing_is_complete(run, whole, format_, monkeypatch):
    def refuse(*words, **options):
        raise PermissionError(30, "Read-only file system", str(words[0]))

    for name in ("replace", "rename", "mkdir", "unlink", "link", "rmdir"):
        monkeypatch.setattr(os, name, refuse)
    before = {path: path.stat().st_mtime_ns for path in whole[format_].rglob("*")}
    complete, said = augment(run, whole[format_], format=format_, verify=True)
    assert complete
    assert "is complete, nothing to do" in said[-1]
    assert {path: path.stat().st_mtime_ns for path in whole[format_].rglob("*")} == before


# Kills


class Killed(BaseException):
    pass


def kill_at(monkeypatch, number):
    """The process moves no file, and removes none, from its `number`-th move on: like a kill, but this process lives.

    Returns a list that has an element for every move.
    """
    moves: list[str] = []

    def or_killed(function, moved):
        def call(*words, **options):
            if moved:
                moves.append(str(words[-1]))
            if len(moves) >= number:
                raise Killed
            return function(*words, **options)

        return call

    for name, moved in {
        "replace": True,
        "link": True,
        "unlink": False,
        "rmdir": False,
        "mkdir": False,
    }.items():
        monkeypatch.setattr(os, name, or_killed(getattr(os, name), moved))
    monkeypatch.setattr(shutil, "rmtree", or_killed(shutil.rmtree, False))
    return moves


@in_every_format
def test_after_a_kill_at_any_move_of_a_file_the_set_goes_on_to_the_same_bytes(
    run, whole, format_, tmp_path, monkeypatch
):
    """Every 20th of the pictures, which are moved alike, and every other file."""
    with monkeypatch.context() as patch:
        moves = kill_at(patch, 10**9)
        augment(run, tmp_path / "undisturbed", format=format_)
    assert files(tmp_path / "undisturbed") == files(whole[format_])
    for number, moved in enumerate(moves, 1):
        if moved.endswith(".png") and number % 20:
            continue
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            kill_at(patch, number)
            with pytest.raises(Killed):
                augment(run, folder, format=format_)
        assert augment(run, folder, format=format_)[0]
        assert files(folder) == files(whole[format_]), f"killed at {number}: {moved}"
    assert len(moves) > 15


@in_every_format
def test_what_killed_processes_left_is_swept_and_read_by_nobody(run, whole, copy, format_):
    """Pictures of a part that was not finished, in the folder and where unfinished files lie."""
    folder = copy(format_)
    (folder / "augmentation.json").unlink()
    (folder / "partial-gcn-tf-0123abcd-augmented-train.tfrecord-00000-of-00003").write_bytes(b"half")
    (folder / "partial-gcn-tf-0123abcd-augmented-00000-of-00003.tfrecord").write_bytes(b"half")
    (folder / "parts" / "partial-gcn-tf-0123abcd-00001.json").write_bytes(b"half")
    (folder / "parts" / "partial-gcn-tf-0123abcd-scratch").mkdir()
    (
        folder / "parts" / "partial-gcn-tf-0123abcd-scratch" / "augmented-train.tfrecord-00000-of-00003"
    ).write_bytes(b"half")
    assert augment(run, folder, format=format_)[0]
    assert files(folder) == files(whole[format_])
    (folder / "parts" / "partial-gcn-tf-89abcdef-scratch").mkdir()
    assert "nothing to do" in augment(run, folder, format=format_)[1][0]
    assert files(folder) == files(whole[format_])


def command(run, format_, folder):
    return [
        sys.executable,
        "-m",
        "gcn_tf.cli",
        "augment",
        str(run.folder),
        *WORDS,
        "--format",
        format_,
        "--out",
        folder,
    ]


@in_one_format_in_ci
def test_after_kills_at_random_the_set_goes_on_to_the_same_bytes(run, whole, format_, tmp_path):
    """Small parts, so that there are many moments between two files."""
    choose = random.Random(0)
    options = {"limit": 600, "part_size": 10}
    assert augment(run, tmp_path / "undisturbed", format=format_, **options)[0]
    words = [*command(run, format_, tmp_path / "set"), "--limit", "600", "--part-size", "10"]
    kills = 0
    for _ in range(5):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        began = len(list((tmp_path / "set").glob("parts/*.json")))
        while process.poll() is None and len(list((tmp_path / "set").glob("parts/*.json"))) == began:
            time.sleep(0.001)
        time.sleep(choose.uniform(0, 0.02))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 2
    assert augment(run, tmp_path / "set", format=format_, **options)[0]
    assert files(tmp_path / "set") == files(tmp_path / "undisturbed")


# Two at once, and twice


@pytest.mark.long
@in_every_format
def test_two_processes_at_once_write_the_set_and_others_like_it(run, whole, format_, tmp_path):
    """In processes whose dicts and sets have other orders."""
    processes = [
        subprocess.Popen(
            command(run, format_, tmp_path / "set"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        )
        for seed in (1, 2)
    ]
    assert [process.wait() for process in processes] == [0, 0], [p.stderr.read() for p in processes]
    assert files(tmp_path / "set") == files(whole[format_])


@in_every_format
def test_two_that_write_the_same_parts_in_turn_do_not_disturb_each_other(
    run, whole, format_, tmp_path, monkeypatch
):
    """Amid the writing of every part, another process does the whole set."""
    write_part = augmentation.write_part
    inner: list[bool] = []

    def write_after_another(*words):
        if not inner:
            inner.append(True)
            assert augment(run, tmp_path / "set", format=format_)[0]
        write_part(*words)

    monkeypatch.setattr(augmentation, "write_part", write_after_another)
    assert augment(run, tmp_path / "set", format=format_)[0]
    assert files(tmp_path / "set") == files(whole[format_])


@pytest.mark.parametrize("same", [True, False])
def test_who_claims_a_folder_a_moment_later_is_compared_with_who_was_first(run, tmp_path, monkeypatch, same):
    first = make_job(run, AugmentationConfig(**OPTIONS), tmp_path / "set")
    second = first if same else make_job(run, AugmentationConfig(**OPTIONS, seed=5), tmp_path / "set")
    write_atomically = augmentation.write_atomically

    def write_after_another(path, write, replace):
        monkeypatch.undo()
        claim(first)
        return write_atomically(path, write, replace=replace)

    monkeypatch.setattr(augmentation, "write_atomically", write_after_another)
    if same:
        claim(second)
    else:
        with pytest.raises(UserError, match=r"seed: 0 there, 5 now.*name another folder"):
            claim(second)
    assert json.loads((tmp_path / "set" / "plan.json").read_text(encoding="utf-8"))["seed"] == 0


def test_the_command_verifies(run, whole, capsys):
    main(["augment", str(run.folder), *WORDS, "--out", str(whole["tfds"]), "--verify"])
    assert "parts read: 3 (6 files); damaged: none" in capsys.readouterr().out


def test_the_metadata_name_no_folder_and_read_as_tfds_writes_them(run, whole, tmp_path):
    """The same as `tfds.folder_dataset.write_metadata` makes of the folder."""
    moved = Path(shutil.copytree(whole["tfds"], tmp_path / "moved"))
    info = tfds.builder_from_directory(moved).info
    assert info.splits["train"].shard_lengths == [20, 20, 20]
    assert info.splits["train"].num_bytes == sum(p.stat().st_size for p in moved.glob("*tfrecord-*"))
    tfds.folder_dataset.write_metadata(
        data_dir=moved,
        features=info.features,
        split_infos=list(info.splits.values()),
        version="1.0.0",
        check_data=False,
        description=info.description,
        supervised_keys=info.supervised_keys,
        metadata=tfds.core.MetadataDict(info.metadata),
    )
    assert files(moved) == files(whole["tfds"])
    rows = list(tfds.builder_from_directory(moved).as_dataset(split="train").as_numpy_iterator())
    assert np.bincount([row["label"] for row in rows]).tolist() == [6] * 10


# Parts of other sets


@in_every_format
@pytest.mark.parametrize("verify", [False, True])
def test_a_part_of_another_set_is_made_again_and_named(run, whole, copy, format_, verify, tmp_path):
    """The other set differs in nothing but its ratio, and all names and sizes may be the same."""
    other, folder = tmp_path / "other", copy(format_)
    augment(run, other, format=format_, ratio="0.25")
    shutil.copytree(
        other, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("plan.json", "*00000*", "*00002*")
    )
    complete, said = augment(run, folder, format=format_, verify=verify)
    assert complete
    assert "part 00001 is made again: parts/00001.json is of another set" in said
    augment(run, folder, format=format_, verify=True)
    assert files(folder) == files(whole[format_])


@in_every_format
def test_files_that_do_not_belong_to_a_set_are_named(run, copy, format_):
    folder = copy(format_)
    assert not [
        line for line in augment(run, folder, format=format_, verify=True)[1] if "did not write" in line
    ]
    (folder / "zzz.png").touch()
    said = augment(run, folder, format=format_, verify=True)[1]
    assert "files that augment did not write: 1, such as zzz.png; readers may take them" in said
