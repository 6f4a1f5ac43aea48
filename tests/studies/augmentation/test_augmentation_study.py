"""The study of augmentation on toy networks and few made-up pictures."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from gcn_tf.errors import ConfigError, UserError
from gcn_tf.pipelines.procedural import datasets
from gcn_tf.studies.augmentation import jobs as augmentation_jobs
from gcn_tf.studies.augmentation import run as study
from gcn_tf.studies.augmentation.conventional import CONVENTIONAL, Conventional
from gcn_tf.studies.augmentation.jobs import (
    BEST,
    AugmentationMethod,
    AugmentationStudy,
    ClassifierJob,
    ClassifierResult,
    Protocol,
)
from gcn_tf.studies.augmentation.report import _by_test
from gcn_tf.studies.augmentation.run import run_augmentation_study

PROTOCOL = Protocol((2,), identities=3, seeds=2, round_steps=3, rounds=1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def toy_study(toy_config, tmp_path_factory):
    """A finished study with two conventional augmentations."""
    with pytest.MonkeyPatch.context() as patch:
        few = {
            name: dataclasses.replace(CONVENTIONAL[name], strengths=(0.3, 1.0))
            for name in ("MixUp", "affine")
        }
        for module in (study, augmentation_jobs):
            patch.setattr(module, "CONVENTIONAL", few, raising=False)
        for module in (study, augmentation_jobs):
            patch.setattr(module, "TUNING_SEEDS", 1)
        patch.setattr(augmentation_jobs, "RATIOS", (0.5, 1.0))
        patch.setattr(study, "GENERATED_PICTURES", 40)
        patch.setattr(datasets, "GLYPH_SESSIONS", 4)
        patch.setattr(datasets, "OTHER_WRITERS", 3)
        config = dataclasses.replace(toy_config, steps=3)
        out = tmp_path_factory.mktemp("study") / "augmentation"
        yield config, out, run_augmentation_study(config, PROTOCOL, out, jobs=1)


def test_a_study_reports_every_method_at_every_size(toy_study):
    _, out, figure = toy_study
    assert figure.exists()
    assert (out / "samples.png").exists()
    report = json.loads((out / "report.json").read_text())
    assert report["real_pictures"] == {"2": 60}
    methods = ["original", "MixUp", "affine", "paper's blends", "GCN only", "original + GCN"]
    for results in report["results"].values():
        assert list(results) == [*methods, "original + GCN + conventional"]
        assert sum(of["is_best_conventional"] for of in results.values()) == 1
        for of_method in results.values():
            for numbers in of_method["accuracy"].values():
                assert 0 <= numbers["low"] <= numbers["value"] <= numbers["high"] <= 1
    text = (out / "report.md").read_text()
    assert "## 60 real pictures" in text
    assert "generated per real" in text
    assert (out / "report.html").stat().st_size > 20_000


def test_settings_are_tried_on_the_tuning_seeds_alone(toy_study):
    _, out, _ = toy_study
    files = [path.name for path in (out / "entries").iterdir()]
    affine = [name for name in files if name.startswith("affine")]
    assert len(affine) == 2 * 1 + 1


def test_a_finished_study_trains_nothing_again_and_a_lost_entry_alone(toy_study, monkeypatch):
    config, out, _ = toy_study
    before = (out / "report.json").read_text()
    lost = out / "entries" / ClassifierJob(2, 1, "original", 1.0).file
    lost.unlink()
    trained = []
    train = study._train
    monkeypatch.setattr(study, "_train", lambda *arguments: (trained.append(arguments), train(*arguments)))
    monkeypatch.setattr(study, "_generate", lambda *arguments: pytest.fail("generated again"))
    monkeypatch.setattr(study, "GENERATED_PICTURES", 40)
    run_augmentation_study(config, PROTOCOL, out, jobs=1)
    assert len(trained) == 1
    assert lost.exists()
    was, now = (
        json.loads(text)["results"]["2"]["original"]["accuracy"]
        for text in (before, (out / "report.json").read_text())
    )
    assert was == now


def test_the_papers_blends_are_all_ordered_pairs_of_hands(toy_study):
    _, out, _ = toy_study
    with np.load(out / "drawn" / "paper-exemplars2-seed0.npz") as file:
        images, labels = file["images"], file["labels"]
    classes = labels.shape[1]
    hands = round((len(images) / classes) ** 0.5)
    assert hands == 60 // classes
    assert len(images) == classes * hands**2
    assert np.array_equal(labels.argmax(axis=1), np.repeat(np.arange(classes), hands**2))
    pairs = images.reshape(classes, hands, hands, *images.shape[1:]).astype(int)
    assert np.abs(pairs - pairs.swapaxes(1, 2)).max() <= 1


def test_another_studys_folder_is_refused_and_damage_is_named(toy_study):
    config, out, _ = toy_study
    with pytest.raises(ConfigError, match="round_steps: 3 there, 4 now"):
        run_augmentation_study(config, dataclasses.replace(PROTOCOL, round_steps=4), out, jobs=1)
    entry = out / "entries" / ClassifierJob(2, 0, "original", 1.0).file
    whole = entry.read_bytes()
    entry.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"original.* is damaged .* delete it"):
        run_augmentation_study(config, PROTOCOL, out, jobs=1)
    entry.write_bytes(whole)


@pytest.mark.parametrize(
    ("kind", "of", "there"),
    [
        ("entries", "original-1-exemplars2-seed{}.npz", "seed: 0"),
        ("drawn", "gcn-exemplars2-seed{}.npz", "seed: 0"),
    ],
)
def test_a_file_of_another_seed_is_refused_by_its_name(kind, of, there, toy_study):
    config, out, _ = toy_study
    one, other = (out / kind / of.format(seed) for seed in (0, 1))
    whole = other.read_bytes()
    shutil.copy(one, other)
    with pytest.raises(UserError, match=rf"seed1\.npz is of other work \({there} there, 1 now\): delete it"):
        run_augmentation_study(config, PROTOCOL, out, jobs=1)
    other.write_bytes(whole)


def test_pictures_of_another_study_are_refused(toy_study):
    """Those of its folder, by their settings; entries that learned from other pictures, by these."""
    config, out, _ = toy_study
    stored = out / "pictures.npz"
    whole = stored.read_bytes()
    with np.load(stored) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez_compressed(stored, **{**arrays, "origin": np.array('{"study": "another"}')})
    with pytest.raises(UserError, match=r"pictures\.npz is of other work \(study: another there, \w+ now\)"):
        run_augmentation_study(config, PROTOCOL, out, jobs=1)
    np.savez_compressed(stored, **{**arrays, "images": arrays["images"] ^ 1})
    with pytest.raises(UserError, match=r"drawn/.*\.npz is of other work \(study: "):
        run_augmentation_study(config, PROTOCOL, out, jobs=1)
    stored.write_bytes(whole)


def test_too_few_seeds_are_named(toy_config, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "TUNING_SEEDS", 2)
    with pytest.raises(ConfigError, match="--seeds 1: give 2 or more"):
        run_augmentation_study(toy_config, dataclasses.replace(PROTOCOL, seeds=1), tmp_path / "x", jobs=1)
    assert not (tmp_path / "x").exists()


def write_entry(made, job, accuracy, loss):
    ClassifierResult(accuracy, loss, 1, 0.1, {"other": np.array([True])}, {"other": np.array([0])}).write(
        made.entry_path(job), made.entry_origin(job)
    )


def test_the_best_setting_has_the_lowest_loss_and_the_best_method_classifies_most_correctly(
    toy_config, tmp_path, monkeypatch
):
    methods = {
        "modest": Conventional("", lambda *_: [], (1.0, 2.0)),
        "bold": Conventional("", lambda *_: [], (1.0, 2.0)),
    }
    monkeypatch.setattr(augmentation_jobs, "CONVENTIONAL", methods)
    named = {
        name: AugmentationMethod("", conventional=name, settings=one.strengths)
        for name, one in methods.items()
    }
    named["both"] = AugmentationMethod("", blending="gcn", conventional=BEST)
    monkeypatch.setattr(augmentation_jobs, "augmentation_methods", lambda: named)
    made = AugmentationStudy(toy_config, PROTOCOL, tmp_path, False, "")
    figures = {
        ("modest", 1.0): (0.9, 0.8),
        ("modest", 2.0): (0.8, 0.7),
        ("bold", 1.0): (0.7, 0.1),
        ("bold", 2.0): (0.9, 0.2),
    }
    for (name, setting), (accuracy, loss) in figures.items():
        for seed in (0, 1):
            write_entry(made, ClassifierJob(1, seed, name, setting, name, setting), accuracy, loss)
    assert made.best_setting(1, "modest") == 2.0
    assert made.best_setting(1, "bold") == 1.0
    assert made.best_conventional(1) == ("modest", 2.0)
    assert made.job(1, 2, "both", 0.5) == ClassifierJob(1, 2, "both", 0.5, "modest", 2.0)


def test_differences_are_taken_picture_by_picture():
    who = {"other": np.arange(400) // 2}
    hard = np.random.default_rng(0).random(400) < 0.3

    def entry(wrong):
        return ClassifierResult(0, 0, 1, 0, {"other": ~wrong}, who)

    better, worse = [entry(hard)] * 3, [entry(hard | (np.arange(400) % 40 == 0))] * 3
    difference = _by_test(better, worse)["other"]
    apart = _by_test(better, None)["other"]
    assert difference["low"] > 0
    assert difference["high"] - difference["low"] < 0.5 * (apart["high"] - apart["low"])
