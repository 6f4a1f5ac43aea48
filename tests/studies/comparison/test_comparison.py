import dataclasses
import json
import shutil

import numpy as np
import pytest

from gcn_tf.config.data import DataConfig
from gcn_tf.config.kept import keep_settings
from gcn_tf.config.schema import to_dict
from gcn_tf.errors import UserError
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.studies.comparison import methods as module
from gcn_tf.studies.comparison import run as study
from gcn_tf.studies.comparison.methods import Experiment, GcnMethod, Method, NearestSeenCell
from gcn_tf.studies.comparison.results import TOLD, MethodResult, combine, compare, entry_path
from gcn_tf.studies.comparison.run import Comparison, run_comparison
from gcn_tf.training.step_callback import Diverged


@pytest.fixture
def toy_study(toy_config, toy_judges, tmp_path):
    """A study of a method that trains in seconds and one that does not train."""
    methods = {
        "nearest seen cell": NearestSeenCell("no network"),
        "preset": GcnMethod("no classifier", {"cooperation": "none"}),
    }
    config = dataclasses.replace(toy_config, steps=6, deterministic="never")
    return Experiment("toy", methods, "preset", "Toys."), config, tmp_path / "study"


@pytest.mark.slow
def test_a_study_distinguishes_all_methods_and_resumes(toy_study, monkeypatch):
    experiment, config, out = toy_study
    figure = run_comparison(experiment, config, 2, out)
    assert figure.stat().st_size > 10_000
    report = json.loads((out / "report.json").read_text())
    assert list(report["scores"]) == ["another real picture", "nearest seen cell", "preset"]
    assert list(report["scores"]["preset"]) == ["seen", "unseen low-level", "unseen high-level"]
    assert report["scores"]["nearest seen cell"]["seen"]["psnr_db"]["value"] == 60
    assert len(report["seconds"]["preset"]) == 2
    assert report["reference_minus"]["nearest seen cell"]["seen"]["psnr_db"]["value"] < -30
    text = (out / "report.md").read_text()
    assert "## Unseen high-level" in text
    assert "another real picture" in text
    assert "Toys." in text
    assert (out / "report.html").read_text().count("data:image/png") == 2
    assert report["config"]["holdout"] == ["low-level", "high-level"]

    lost = entry_path(out, "preset", 1)
    kept = {path: path.stat().st_mtime_ns for path in (out / "entries").iterdir() if path != lost}
    assert len(kept) == 3
    lost.unlink()
    monkeypatch.setattr(module, "write_run", None)  # its run is there and only needs scoring
    run_comparison(experiment, config, 2, out)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    again = json.loads((out / "report.json").read_text())
    assert again["scores"]["nearest seen cell"] == report["scores"]["nearest seen cell"]
    before, after = (r["scores"]["preset"]["unseen high-level"]["psnr_db"]["value"] for r in (report, again))
    assert after == pytest.approx(before, abs=0.01)  # generated again: rounding may differ

    planned = study.plan_comparison(experiment, config, 2, out)
    origin = planned.origin("preset", 1)
    older = MethodResult.read(lost, origin)
    older.values.pop("sharpness")
    older.write(lost, origin)
    with pytest.raises(UserError, match="scored by different versions: delete that folder"):
        run_comparison(experiment, config, 2, out)


@pytest.mark.long
def test_trainings_side_by_side_give_the_same_entries(toy_study):
    """In processes of their own; what they generate depends on method and seed alone."""
    experiment, config, out = toy_study
    config = dataclasses.replace(config, deterministic="always")
    experiment = dataclasses.replace(experiment, methods={"preset": experiment.methods["preset"]})
    study.materials(config.part(DataConfig))  # the judges, with the steps of this test
    run_comparison(experiment, config, 2, out, jobs=2)
    run_comparison(experiment, config, 2, out.with_name("alone"))
    for seed in (0, 1):
        origin = study.plan_comparison(experiment, config, 2, out).origin("preset", seed)
        one, other = (
            MethodResult.read(entry_path(folder, "preset", seed), origin)
            for folder in (out, out.with_name("alone"))
        )
        np.testing.assert_allclose(one.values["psnr_db"], other.values["psnr_db"], atol=1e-3)


@pytest.mark.long  # by itself; below a method only says that it diverged
def test_a_training_that_diverges_is_a_result(toy_study):
    experiment, config, out = toy_study
    bad = GcnMethod("far too fast", {"learning_rate": 10.0, "pixel_weight": 1e12})
    experiment = dataclasses.replace(experiment, methods={**experiment.methods, "bad": bad})
    run_comparison(experiment, config, 1, out)
    scores = json.loads((out / "report.json").read_text())["scores"]
    assert "psnr_db" in scores["preset"]["seen"]
    assert scores["bad"]["seen"] == {}


@dataclasses.dataclass(frozen=True)
class MeanPictures(Method):
    """A method that is no GCN: the mean picture of every value of the last factor, as a table in its folder."""

    diverges: bool = False

    def train(self, config, split, seed, run_dir):
        if self.diverges:
            raise Diverged("no mean")
        seen = split.rows(unseen=False)
        values, images = split.ids[seen, -1], pixels(split, seen)
        run_dir.mkdir(parents=True)
        table = np.stack([images[values == value].mean(axis=0) for value in np.unique(values)])
        np.save(run_dir / "table.npy", table)
        return run_dir / "table.npy"

    def draw(self, trained, split):
        return np.load(trained)[split.ids[:, -1]].astype(np.uint8)


@pytest.mark.long
def test_a_method_is_whatever_trains_and_draws(toy_study):
    """Another number of factors, too; one that diverges is a result without figures."""
    experiment, config, out = toy_study
    methods = {"means": MeanPictures("a table"), "broken": MeanPictures("no table", diverges=True)}
    experiment = dataclasses.replace(experiment, methods=methods, reference="means")
    config = config.with_options(transformations=1)
    run_comparison(experiment, config, 1, out)
    assert (out / "runs" / "means-seed0" / "table.npy").exists()
    report = json.loads((out / "report.json").read_text())
    assert report["methods"] == {
        "another real picture": study.REPEATS_MEANING,
        "means": "a table",
        "broken": "no table",
    }
    scores = report["scores"]
    assert 3 < scores["means"]["unseen high-level"]["psnr_db"]["value"] < 20
    assert scores["means"]["seen"].keys() >= {"color_accuracy/hog", "writer_accuracy/hog"}
    assert "rotation_accuracy/hog" not in scores["means"]["seen"]
    assert scores["broken"] == {group: {} for group in scores["means"]}
    assert report["reference_minus"] == {"broken": {group: {} for group in scores["means"]}}


def test_a_comparison_without_unseen_cells_shows_seen_ones(toy_study):
    experiment, config, out = toy_study
    methods = {"nearest seen cell": NearestSeenCell()}
    experiment = dataclasses.replace(experiment, methods=methods, reference="", holdout=("none",))
    run_comparison(experiment, config, 1, out)
    assert list(json.loads((out / "report.json").read_text())["scores"]["nearest seen cell"]) == ["seen"]
    origin = study.plan_comparison(experiment, config, 1, out).origin("nearest seen cell", 0)
    entry = MethodResult.read(entry_path(out, "nearest seen cell", 0), origin)
    assert entry.samples.shape[1] > 0
    text = (out / "report.md").read_text()
    assert "All cells are seen." in text
    assert "Seen cells of the first seed" in text


def test_seeds_have_cells_of_their_own_unless_they_share_them(toy_study):
    experiment, config, out = toy_study
    dataset = load_dataset(config)
    comparison = Comparison(experiment, config, (0, 1), out)
    one, other = (comparison.split(dataset, seed).unseen for seed in (0, 1))
    assert (one != other).any()
    same = dataclasses.replace(comparison, experiment=dataclasses.replace(experiment, same_cells=True))
    np.testing.assert_array_equal(same.split(dataset, 1).unseen, one)


def test_a_study_refuses_another_ones_folder(toy_study):
    _, config, out = toy_study
    settings = {"experiment": "cooperation", **to_dict(config)}
    keep_settings(out / "study.yaml", settings, "study")
    keep_settings(out / "study.yaml", settings | {"manual_dir": "elsewhere"}, "study")
    with pytest.raises(UserError, match="steps: 6 there, 7 now"):
        keep_settings(out / "study.yaml", settings | {"steps": 7}, "study")


@pytest.fixture
def cheap_study(toy_study):
    """A finished study of a method that does not train."""
    experiment, config, out = toy_study
    methods = {"nearest seen cell": NearestSeenCell()}
    experiment = dataclasses.replace(experiment, methods=methods, reference="")
    run_comparison(experiment, config, 2, out)
    return experiment, config, out


@pytest.mark.long
def test_an_entry_of_another_seed_study_or_version_is_refused_by_its_file(cheap_study):
    experiment, config, out = cheap_study
    one, other = (entry_path(out, "nearest seen cell", seed) for seed in (0, 1))
    whole = other.read_bytes()
    shutil.copy(one, other)
    with pytest.raises(UserError, match=r"seed1\.npz is of other work \(seed: 0 there, 1 now\): delete it"):
        run_comparison(experiment, config, 2, out)
    elsewhere = out.with_name("elsewhere")
    run_comparison(experiment, dataclasses.replace(config, steps=7), 2, elsewhere)
    shutil.copy(entry_path(elsewhere, "nearest seen cell", 1), other)
    with pytest.raises(
        UserError, match=r"seed1\.npz is of other work \(study: \w+ there, \w+ now\): delete it"
    ):
        run_comparison(experiment, config, 2, out)
    other.write_bytes(whole)
    with np.load(one) as file:
        arrays = {name: file[name] for name in file.files if name != "origin"}
    np.savez_compressed(one, **arrays)
    with pytest.raises(
        UserError, match=r"seed0\.npz does not say what it is of, as files of an older version"
    ):
        run_comparison(experiment, config, 2, out)


@pytest.mark.long
def test_entries_of_other_pictures_are_refused(cheap_study, monkeypatch):
    """With the same settings: what lies in a folder of data was changed."""
    experiment, config, out = cheap_study
    monkeypatch.setattr(study, "materials_sha256", lambda data: "of other pictures")
    with pytest.raises(UserError, match=r"seed0\.npz is of other work \(study: "):
        run_comparison(experiment, config, 2, out)


def test_a_run_of_a_method_with_other_settings_is_not_gone_on_with(toy_study):
    """As when `study settings` is given another file of the same name."""
    experiment, config, out = toy_study
    split = study.plan_comparison(experiment, config, 1, out).split(load_dataset(config), 0)
    run_dir = out / "runs" / "preset-seed0"
    GcnMethod("", {"cooperation": "none"}).train(config, split, 0, run_dir)
    with pytest.raises(
        UserError, match=r"preset-seed0 is of other work \(learning_rate: 0.001 there, 0.002 now\)"
    ):
        GcnMethod("", {"cooperation": "none", "learning_rate": 0.002}).train(config, split, 0, run_dir)


def entry(values, group=2, told=None, hand=None):
    count = len(values)
    return MethodResult(
        1.0,
        {"psnr_db": np.array(values, float)} | ({TOLD: np.array(told)} if told is not None else {}),
        {"unseen high-level": 0.5},
        np.full(count, group),
        np.arange(count),
        np.zeros((2, 1, 4, 4, 3), np.uint8),
        np.full((count, 5, 3), np.nan) if hand is None else hand,
    )


def test_seeds_are_averaged_and_their_spread_is_in_the_interval():
    scores = combine([entry([10, 12, 14]), entry([20, 22, 24])])
    assert list(scores) == ["unseen high-level"]
    estimate = scores["unseen high-level"]["psnr_db"]
    assert estimate.value == 17
    assert estimate.low < 13
    assert estimate.high > 21
    assert scores["unseen high-level"]["kid_of_judge_features"].value == 0.5


def test_methods_are_compared_cell_by_cell():
    """A small steady gain is told from 0 although cells differ widely."""
    hard = np.random.default_rng(0).normal(20, 8, 40)
    better, worse = entry(hard + 1), entry(hard)
    difference = compare([better, better], [worse, worse])["unseen high-level"]["psnr_db"]
    assert difference.value == pytest.approx(1)
    assert 0.99 < difference.low <= difference.high < 1.01
    alone = combine([better])["unseen high-level"]["psnr_db"]
    assert alone.high - alone.low > 3


def test_seeds_are_pooled_in_the_two_sample_test_and_in_the_hand():
    """Cells that were not sampled, and seen ones, play no part."""
    told = np.array([1, 0.5, np.nan, 1])
    hand = np.random.default_rng(0).normal(size=(4, 5, 1)) * np.ones(3)
    hand[..., 2] = 0
    entries = [entry([1, 2, 3, 4], told=told, hand=hand), entry([1, 2, 3, 4], told=1 - told, hand=hand + 3)]
    scores = combine(entries)["unseen high-level"]
    assert scores[TOLD].value == pytest.approx((2.5 / 3 + 0.5 / 3) / 2)
    assert scores["hand_width"].value == pytest.approx(1)
    assert "hand_width" not in combine(entries[:1])["unseen high-level"], "four base images are too few"
    less = compare(entries[:1], entries[1:])["unseen high-level"]
    assert less[TOLD].value == pytest.approx(2 / 3)
    assert "hand_width" not in less


def test_an_entry_of_a_version_without_hands_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    entry([1, 2]).write(path, {"seed": 0})
    with pytest.raises(UserError, match=r"a\.npz was scored by an older version: delete it"):
        MethodResult.read(path, {"seed": 0})


def test_entries_come_back_whole_and_damage_is_named(tmp_path):
    path = tmp_path / "entries" / "a.npz"
    entry([1, 2], told=[1, np.nan]).write(path, {"seed": 0})
    back = MethodResult.read(path, {"seed": 0})
    np.testing.assert_array_equal(back.values["psnr_db"], [1, 2])
    assert [p.name for p in path.parent.iterdir()] == ["a.npz"]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"a\.npz is damaged"):
        MethodResult.read(path, {"seed": 0})
