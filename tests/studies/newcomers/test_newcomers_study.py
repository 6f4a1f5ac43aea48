"""The study of newcomers on toy networks, from the first training to the report."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from gcn_tf.cli import main
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.studies.comparison.results import MethodResult, combine
from gcn_tf.studies.newcomers import run as module
from gcn_tf.studies.newcomers.methods import (
    BaseRun,
    Extended,
    NearestKnownValue,
    NewcomersMethod,
    OwnPicture,
    newcomers_methods,
)
from gcn_tf.studies.newcomers.report import _ways, write_newcomers_study
from gcn_tf.studies.newcomers.run import compute_newcomers_study, plan_newcomers_study
from gcn_tf.studies.newcomers.task import Protocol
from gcn_tf.training.step_callback import Diverged
from gcn_tf.workers import workers

PROTOCOL = Protocol("", 1, (1, 2))


@dataclass(frozen=True)
class Black(NewcomersMethod):
    """A method that only takes one picture."""

    meaning: str = "black pictures"
    most_given: int | None = 1

    def draw(self, shared, config, task, folder):
        return np.zeros((len(task.rows), *task.dataset.image_shape), np.uint8)


@dataclass(frozen=True)
class Broken(Black):
    most_given: int | None = None

    def draw(self, shared, config, task, folder):
        raise Diverged("no pictures")


@pytest.fixture
def planned(toy_config, toy_judges, tmp_path):
    """Plans a study of one seed with the methods that are named, in the same folder each time."""

    def plan(protocol=PROTOCOL, **methods):
        config = replace(toy_config, steps=6)
        return replace(plan_newcomers_study(config, protocol, 1, tmp_path / "study"), methods=methods)

    return plan


@pytest.fixture
def computed(planned):
    """Computes the entries of such a study, without its report."""

    def compute(**methods):
        study = planned(**methods)
        with workers(1) as run:
            compute_newcomers_study(study, run)
        return study

    return compute


@pytest.fixture
def cheap():
    return {"nearest known value": NearestKnownValue(), "own picture unchanged": OwnPicture()}


@pytest.mark.slow
def test_a_study_distinguishes_all_methods_for_every_number_of_pictures(computed, cheap):
    study = computed(**cheap, black=Black())
    write_newcomers_study(study)
    report = json.loads((study.out / "report.json").read_text())
    assert report["factor"] == "writer"
    assert report["content"] == ["digit"]
    assert len(report["newcomers"]) == 1
    assert list(report["counts"]) == ["1", "2"]
    real = "another real picture"
    assert list(report["counts"]["1"]["scores"]) == [real, *cheap, "black"]
    assert list(report["counts"]["2"]["scores"]) == [real, *cheap]
    one = report["counts"]["1"]["scores"]
    assert one["black"]["sharpness"]["value"] == 0
    assert one["own picture unchanged"]["ssim"]["value"] > one["black"]["ssim"]["value"]
    assert one["nearest known value"]["copying"]["value"] == 1
    text = (study.out / "report.md").read_text()
    assert "## 1 picture of each newcomer" in text
    assert "## 2 pictures of each newcomer" in text
    assert "black pictures" in text
    assert (study.out / "report.html").read_text().count("data:image/png") == 3


@pytest.mark.long
def test_an_added_method_computes_only_itself_and_a_lost_entry_comes_back(computed, cheap):
    entries = computed(**cheap).out / "entries"
    kept = {path: path.stat().st_mtime_ns for path in entries.iterdir()}
    assert len(kept) == 4
    lost = next(iter(kept))
    lost.unlink()
    computed(**cheap, black=Black())
    assert len(list(entries.iterdir())) == 5
    again = {path: path.stat().st_mtime_ns for path in kept}
    assert {path for path in kept if again[path] != kept[path]} == {lost}


def test_a_method_that_diverges_is_a_result_without_figures(computed):
    broken = computed(broken=Broken()).results()[1]["broken"]
    assert combine(broken) == {"unseen high-level": {}}


def test_a_study_with_another_protocol_is_refused(planned, cheap):
    planned(**cheap)
    with pytest.raises(ConfigError, match=r"holds another study \(protocol: .*'counts': \[1\]"):
        planned(replace(PROTOCOL, counts=(1,)), **cheap)


@pytest.mark.long
def test_an_entry_of_another_count_is_refused(computed):
    entries = computed(own=OwnPicture()).out / "entries"
    (entries / "own-2-seed0.npz").write_bytes((entries / "own-1-seed0.npz").read_bytes())
    with pytest.raises(UserError, match=r"is of other work \(count: 1 there, 2 now\): delete it"):
        computed(own=OwnPicture())


def test_nothing_is_written_where_the_data_do_not_serve(toy_config, tmp_path):
    with pytest.raises(ConfigError, match="--newcomers 1"):
        plan_newcomers_study(toy_config, replace(PROTOCOL, newcomers=2), 1, tmp_path / "study")
    assert not (tmp_path / "study" / "study.yaml").exists()


@dataclass(frozen=True)
class Counted(BaseRun):
    """A shared part that notes how often it is trained."""

    def train(self, config, known, place, folder):
        folder.mkdir(parents=True, exist_ok=True)
        trained = folder / "trained"
        assert not trained.exists()
        trained.write_text(f"{len(known.dataset.images)}")

    def open(self, config, known, place, folder):
        return int((folder / "trained").read_text())


@dataclass(frozen=True)
class OfShared(Black):
    most_given: int | None = None
    shared = Counted()

    def draw(self, shared, config, task, folder):
        assert shared == len(task.known)
        return super().draw(shared, config, task, folder)


@pytest.mark.long
def test_what_methods_share_is_trained_once_and_without_newcomers(computed):
    out = computed(one=OfShared(), other=OfShared()).out
    assert [path.name for path in (out / "shared").iterdir()] == ["base-seed0.npz"]
    study = computed(one=OfShared(), other=OfShared(), third=OfShared())
    seconds, diverged = study.read_shared("base", 0)
    assert seconds > 0
    assert not diverged


def result(psnr, clusters):
    count = len(psnr)
    names = ("psnr_db", "writer_accuracy/convolutional", "writer_accuracy/hog")
    return MethodResult(
        1.0,
        {name: np.array(psnr, float) for name in names},
        {},
        np.full(count, 2),
        np.array(clusters),
        np.zeros((2, 1, 4, 4, 3), np.uint8),
        np.full((count, 5, 3), np.nan),
    )


def test_the_way_is_measured_from_the_floor_to_the_ceiling():
    floor, ceiling = np.arange(12.0), np.arange(12.0) + 4
    clusters = np.repeat(np.arange(4), 3)
    runs = {
        "extended": [result(floor + 3, clusters)],
        "nearest known value": [result(floor, clusters)],
        "full retraining": [result(ceiling, clusters)],
    }
    assert _ways(runs, "writer")["psnr_db"] == Estimate(0.75, 0.75, 0.75)
    low = {**runs, "full retraining": [result(floor - 1, clusters)]}
    assert _ways(low, "writer") == {}, "a ceiling below the floor is none"


@pytest.mark.long
def test_all_methods_from_the_command_line_and_by_workers(toy_judges, tmp_path, monkeypatch, capsys):
    """Of a quick study on procedural digits; a second call has nothing left to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "QUICK_STEPS", 2)
    words = ["study", "newcomers", "--dataset", "glyphs", "--writers", "4", "--quick", "--jobs", "2"]
    main(words)
    assert "newcomers are values of writer, 2 for each seed" in capsys.readouterr().out
    out = tmp_path / "studies" / "newcomers-glyphs-quick"
    report = json.loads((out / "report.json").read_text())
    for count, found in report["counts"].items():
        methods = [name for name in newcomers_methods() if count == "1" or name != "transferred"]
        assert list(found["scores"]) == ["another real picture", *methods]
        assert found["reference_minus"].keys() == set(methods) - {"extended"}
        assert found["seconds"]["full retraining"][0] > found["seconds"]["mean cell"][0]
    assert sorted(path.name for path in (out / "shared").iterdir()) == [
        "base-seed0.npz",
        "encoder-decoder+critic-seed0.npz",
        "encoder-decoder-seed0.npz",
    ]
    kept = {path: path.stat().st_mtime_ns for path in (out / "entries").iterdir()}
    main(words)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.long
def test_the_base_run_goes_on_after_a_kill(computed):
    """Its folder is there, but not the file that says it is whole."""
    out = computed(extended=Extended()).out
    checkpoints = out / "runs" / "base-seed0" / "checkpoints"
    written = {path: path.stat().st_mtime_ns for path in checkpoints.iterdir()}
    (out / "shared" / "base-seed0.npz").unlink()
    computed(extended=Extended())
    assert (out / "shared" / "base-seed0.npz").exists()
    assert {path: path.stat().st_mtime_ns for path in checkpoints.iterdir()} == written
