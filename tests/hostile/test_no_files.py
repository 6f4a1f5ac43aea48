"""Folders, pipes, loops of links and devices in place of a file, and files of gigabytes: refused, unread."""

import shutil
from types import SimpleNamespace

import pytest
from damage import (
    GIGABYTES,
    IMAGES,
    OFFICIAL,
    in_little_memory,
    put_endless_device,
    put_folder,
    put_link_into_nothing,
    put_loop,
    put_pipe,
    read_arrays,
    refused,
    soon,
)

from gcn_tf.augmentation.augment import claim
from gcn_tf.augmentation.report import Counts
from gcn_tf.config.files import read_config, read_yaml, resolve
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.pipelines.folder.augmented import parse_spec
from gcn_tf.pipelines.kdef.files import find_files, read_picture
from gcn_tf.pipelines.mmi.frames import frames_of, read_frame
from gcn_tf.pipelines.mmi.sessions import Clip, find_clips
from gcn_tf.pipelines.photographs.crops import BadPicture
from gcn_tf.pipelines.qmnist.sources import read_idx
from gcn_tf.reporting.charts import write_curves_chart
from gcn_tf.runs.run_dir import open_run
from gcn_tf.training.fit import fit
from gcn_tf.tuning.hypermodel import read_score

READERS = {
    "config.yaml": read_config,
    "mine.yaml": lambda path: resolve(config_file=path),
    "space.yaml": read_yaml,
    "factors.json": FactorSpace.read,
    "plan.json": lambda path: claim(SimpleNamespace(folder=path.parent, plan={})),
    "features.json": lambda path: parse_spec(path.parent),
    "counts.json": lambda path: Counts.read(path, 3),
    "score.json": read_score,
    "entry.npz": read_arrays,
    "images.gz": lambda path: read_idx(path, IMAGES, OFFICIAL),
    "AF01NES.JPG": lambda path: read_picture(find_files(path.parent).pictures[0]),
    "S001-001.avi": lambda path: read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0]),
    "S001-001.png": lambda path: read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0]),
    "session.xml": lambda path: find_clips(path.parent),
    "KDEF.zip": lambda path: find_files(path.parent),
}


@pytest.mark.parametrize(
    "put",
    [put_folder, put_pipe, put_loop, put_link_into_nothing, put_endless_device],
    ids=lambda put: put.__name__,
)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused(put, name, tmp_path):
    put(tmp_path / name)
    with refused(kind=(UserError, BadPicture)):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("put", [put_folder, put_pipe, put_loop], ids=lambda put: put.__name__)
def test_no_log_is_drawn_of_what_is_no_file(put, tmp_path):
    put(tmp_path / "metrics.jsonl")
    with soon():
        assert not write_curves_chart(tmp_path / "metrics.jsonl", tmp_path / "curves.png")


@pytest.mark.parametrize("put", [put_pipe, put_endless_device], ids=lambda put: put.__name__)
def test_a_run_whose_log_is_no_file_is_not_resumed(put, toy_config, tmp_path, start_run):
    prepared = start_run(toy_config, tmp_path)
    put(tmp_path / "metrics.jsonl")
    with refused(tmp_path):
        fit(prepared, tmp_path)


def test_checkpoints_that_are_no_files_are_passed_over(toy_run, tmp_path, capsys):
    shutil.copytree(
        toy_run, tmp_path / "run", ignore=shutil.ignore_patterns("events.out*", "seen", "unseen", "model")
    )
    for number, put in enumerate([put_folder, put_pipe, put_loop, put_endless_device]):
        put(tmp_path / f"run/checkpoints/step-9999999{number}.npz")
    with soon():
        assert int(open_run(tmp_path / "run").model.step) == 24
    assert capsys.readouterr().err.count("skipped") == 3  # nothing is at the end of a loop


@pytest.mark.parametrize("name", READERS)
def test_a_huge_file_is_refused_unread(name, tmp_path):
    with (tmp_path / name).open("wb") as file:
        file.truncate(GIGABYTES << 30)
    with in_little_memory(), refused(kind=(UserError, BadPicture)):
        READERS[name](tmp_path / name)
