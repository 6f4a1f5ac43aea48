"""Parts of different runs are never taken for one, whichever command meets them."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml

from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import finished_report
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.runs import checkpoints, run_dir
from gcn_tf.runs.identity import Identity
from gcn_tf.runs.run_dir import open_run
from gcn_tf.synthesis.saved_model import export_model
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare
from gcn_tf.training.resume import check_factors, check_resume


@pytest.fixture(scope="module")
def other_run(built_once, toy_config, start_run):
    """As the toy run, with another seed, and so with other weights and another hold-out."""

    def make(folder):
        prepared = start_run(replace(toy_config, seed=1), folder)
        export_model(prepared.run(folder, fit(prepared, folder)), folder / "model")

    return built_once("other", make)


@pytest.fixture
def run(toy_run, tmp_path):
    """A copy of the toy run to do harm to, in another place and by another name."""
    return shutil.copytree(toy_run, tmp_path / "moved" / "renamed")


def edit(path, **changes):
    settings = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(settings | changes))


def refused(run, *words):
    with pytest.raises(UserError) as caught:
        open_run(run)
    message = str(caught.value)
    assert "\n" not in message
    assert "are of different runs" in message
    for word in (str(run), *words):
        assert word in message


def test_a_moved_and_renamed_run_opens(run, toy_run):
    assert open_run(run).identity == open_run(toy_run).identity


@pytest.mark.parametrize(
    "changes", [{"data_dir": "elsewhere"}, {"image_steps": 3}, {"log_steps": 5}, {"steps": 40}]
)
def test_what_may_change_does_not_make_it_another_run(changes, run, toy_run):
    edit(run / "config.yaml", **changes)
    assert open_run(run).identity == open_run(toy_run).identity


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, "seed is 0 and 1"),
        ({"data_seed": 5}, "data_seed is 0 and 5"),
        ({"holdout": ["high-level"]}, "holdout is ['low-level'] and ['high-level']"),
        ({"imagined_share": 0.25}, "imagined_share is"),
    ],
)
def test_an_edited_setting_is_named_with_both_sides(changes, said, run):
    edit(run / "config.yaml", **changes)
    refused(run, f"{run}/checkpoints/step-00000024.npz", said)


def test_fewer_steps_than_the_checkpoint_has_are_noticed(run):
    edit(run / "config.yaml", steps=12)
    refused(run, "step-00000024.npz", "steps is 24 and 12")


def swap_digits(run):
    path = run / "factors.json"
    path.write_text(
        path.read_text().replace('"3"', '"x"', 1).replace('"7"', '"3"', 1).replace('"x"', '"7"', 1)
    )


def test_swapped_values_are_named_and_training_goes_on_with_neither(run, toy_config):
    swap_digits(run)
    refused(run, "value 4 of digit is 3 and 7")
    with pytest.raises(UserError, match="value 4 of digit is 7 and 3"):
        check_factors(run, prepare(toy_config))


@pytest.mark.parametrize("name", ["step-00000024.npz", "step-00000016.npz", "best.npz"])
def test_a_checkpoint_of_another_run_is_noticed_even_where_another_one_is_newer(name, run, other_run):
    shutil.copy(other_run / "checkpoints" / name, run / "checkpoints" / name)
    refused(run, name, "seed is 1 and 0")


def test_training_does_not_go_on_from_a_checkpoint_of_another_run(run, other_run, toy_config):
    shutil.copy(other_run / "checkpoints/step-00000024.npz", run / "checkpoints")
    with pytest.raises(
        UserError, match=r"of different runs \(seed is 1 and 0; the seen cells are \w+ and \w+ by"
    ):
        fit(prepare(replace(toy_config, steps=30)), run)


@pytest.mark.parametrize("name", ["step-keep.npz", "step-1.npz", "step-00000099-copy.npz"])
def test_files_of_other_names_are_no_checkpoints(name, run, other_run):
    shutil.copy(other_run / "checkpoints/step-00000024.npz", run / "checkpoints" / name)
    assert checkpoints.newest_step(run / "checkpoints") == 24
    assert int(open_run(run).model.step) == 24


def test_a_renamed_checkpoint_is_passed_over(run, capfd):
    shutil.copy(run / "checkpoints/step-00000016.npz", run / "checkpoints/step-00000099.npz")
    assert int(open_run(run).model.step) == 24
    assert "step-00000099.npz is damaged (it was renamed: it is of step 16)" in capfd.readouterr().err


def test_a_checkpoint_of_an_earlier_version_opens_with_a_line_that_says_so(run, monkeypatch, capfd):
    opened = open_run(run)
    checkpoints.CheckpointStore(opened.model, run / "checkpoints").save(24)
    assert int(open_run(run).model.step) == 24
    assert "step-00000024.npz is of a version that did not note which run" in capfd.readouterr().err


def test_a_setting_that_only_one_version_knows_is_no_difference(run, toy_config):
    identity = open_run(run).identity
    newer = replace(identity, settings={**identity.settings, "novelty": 1})
    assert identity.differences(newer) == newer.differences(identity) == []


def change_pictures(monkeypatch, change):
    whole = run_dir.load_split

    def changed(config):
        split = whole(config)
        dataset = replace(split.dataset, images=change(split.dataset.images))
        return split_dataset(dataset, config.holdout, config.seed)

    monkeypatch.setattr(run_dir, "load_split", changed)


def test_other_pictures_are_noticed_where_they_are_loaded(run, monkeypatch):
    opened = open_run(run)
    opened.load_split()
    change_pictures(monkeypatch, lambda images: np.where(images > 200, 200, images))
    with pytest.raises(
        UserError, match=r"renamed and the pictures of --dataset glyphs now .*the pictures are"
    ):
        opened.load_split()


def test_another_holdout_is_noticed_even_with_the_same_settings(run, monkeypatch):
    opened, whole = open_run(run), run_dir.load_split
    monkeypatch.setattr(run_dir, "load_split", lambda config: whole(replace(config, seed=1)))
    with pytest.raises(UserError, match="the seen cells are"):
        opened.load_split()


def test_a_saved_model_of_another_run_is_noticed(run, other_run, toy_config):
    shutil.rmtree(run / "model")
    shutil.copytree(other_run / "model", run / "model")
    (run / "report").mkdir()
    about = {"step": 24, "checkpoint": "", "identity": open_run(run).identity.to_json(), "files": {}}
    (run / "report/identity.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match=f"{run}/model and {run} are of different runs .seed is 1 and 0"):
        finished_report(run, toy_config)


def test_a_report_of_another_run_is_noticed(run, other_run, toy_config):
    (run / "report").mkdir()
    about = {"step": 24, "checkpoint": "", "identity": open_run(other_run).identity.to_json(), "files": {}}
    (run / "report/identity.json").write_text(json.dumps(about))
    with pytest.raises(UserError, match=f"{run}/report and {run} are of different runs .seed is 1 and 0"):
        finished_report(run, toy_config)


def test_lines_of_another_run_in_the_log_are_noticed(run, other_run, toy_config):
    shutil.copy(other_run / "metrics.jsonl", run)
    with pytest.raises(UserError, match=r"metrics.jsonl and .* are of different runs .*line 1"):
        fit(prepare(replace(toy_config, steps=30)), run)


@pytest.mark.slow
def test_other_threads_are_said_where_training_goes_on(run, toy_config, monkeypatch, capfd):
    fit(prepare(replace(toy_config, steps=25)), run)
    assert "goes on in another place" not in capfd.readouterr().err
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "11")
    fit(prepare(replace(toy_config, steps=26)), run)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("gcn-tf:")]
    assert len(said) == 1
    assert "11 now): the weights will not be the same to the bit" in said[0]


def test_differences_name_factors_by_what_differs(toy_config):
    def identity(*factors):
        return Identity.of(toy_config, FactorSpace(tuple(Factor(name, values) for name, values in factors)))

    one = identity(("a", ("1", "2")), ("b", ("x",)))
    assert one.differences(identity(("a", ("1", "2", "3")), ("b", ("x",)))) == ["a has 2 and 3 values"]
    assert one.differences(identity(("b", ("x",)), ("a", ("1", "2")))) == ["the factors are a, b and b, a"]
    assert one.differences(identity(("a", ("1", "2")), ("b", ("y",)))) == ["value 1 of b is x and y"]


def test_order_is_a_part_of_the_identity_where_there_is_one(toy_config):
    def identity(*order):
        return Identity.of(toy_config, FactorSpace((Factor("angle", ("0", "90"), *order),)))

    plain, ordered, cyclic = identity(), identity((0, 90)), identity((0, 90), 360)
    assert "order" not in plain.to_json()
    assert len({plain.name, ordered.name, cyclic.name}) == 3
    for one in (plain, ordered, cyclic):
        assert Identity.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert ordered.differences(cyclic) == ["the order of angle is [0.0, 90.0, 0.0] and [0.0, 90.0, 360.0]"]
    assert plain.differences(ordered) == ["the order of angle is none and [0.0, 90.0, 0.0]"]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"settings": {}, "factors": {}, "data": 1, "seen": ""},
        {"settings": {}, "factors": {"digit": 5}, "data": "", "seen": ""},
        {"settings": {"seed": {"a": []}}, "factors": {"digit": [1, None]}, "data": "", "seen": ""},
    ],
)
def test_whatever_a_file_says_it_is_an_identity_or_refused(stored, toy_run):
    identity = open_run(toy_run).identity
    try:
        found = Identity.from_json(stored)
    except ValueError:
        return
    assert found.differences(identity)
    assert identity.differences(found)


def test_checkpoints_of_other_pictures_are_noticed_without_the_pictures(run, toy_config):
    """Nothing but the content of the pictures differs: settings and factors are the same."""
    opened = open_run(run)
    other = replace(opened.identity, data="0" * 64)
    store = checkpoints.CheckpointStore(opened.model, run / "checkpoints", other, 24)
    store.save(24)
    refused(run, "step-00000024.npz", "step-00000016.npz", "the pictures are")


def test_a_checkpoint_of_a_longer_training_is_noticed(run, toy_config):
    opened = open_run(run)
    checkpoints.CheckpointStore(opened.model, run / "checkpoints", opened.identity, 40).save(24)
    refused(run, "step-00000024.npz", "steps is 40 and 24")


def test_a_checkpoint_of_a_step_is_not_the_best(run, capfd):
    shutil.copy(run / "checkpoints/step-00000016.npz", run / "checkpoints/best.npz")
    with pytest.raises(UserError, match="every checkpoint"):
        open_run(run, "best.npz")
    assert "best.npz is damaged (it was renamed: it is that of step 16)" in capfd.readouterr().err


@pytest.mark.parametrize(
    "change", [lambda text: text.replace("0.", "0.9", 1), lambda text: text.partition("\n")[2]]
)
def test_an_edited_log_is_noticed(change, run, toy_config):
    (run / "metrics.jsonl").write_text(change((run / "metrics.jsonl").read_text()))
    with pytest.raises(
        UserError, match=r"metrics.jsonl is not the log that the checkpoint of step 24 belongs to"
    ):
        fit(prepare(replace(toy_config, steps=30)), run)


@pytest.mark.slow
def test_a_log_that_a_copy_shares_by_a_hard_link_stays_the_copys(run, toy_config, tmp_path):
    os.link(run / "metrics.jsonl", tmp_path / "copy")
    before = (tmp_path / "copy").read_text()
    fit(prepare(replace(toy_config, steps=28)), run)
    assert (tmp_path / "copy").read_text() == before
    assert (run / "metrics.jsonl").read_text().startswith(before)


@pytest.mark.parametrize(
    "lost",
    [
        ("checkpoints",),
        ("checkpoints/step-00000008.npz", "checkpoints/step-00000016.npz", "checkpoints/step-00000024.npz"),
    ],
)
def test_a_run_that_lost_its_checkpoints_does_not_begin_again(lost, run, toy_config):
    for name in lost:
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()
    with pytest.raises(UserError, match="has lost its checkpoints but has model/"):
        check_resume(run, toy_config)


def test_a_missing_list_of_factors_says_how_it_comes_back(run):
    (run / "factors.json").unlink()
    with pytest.raises(UserError, match=r"factors.json is missing: put it back, or gcn-tf train --resume"):
        open_run(run)
