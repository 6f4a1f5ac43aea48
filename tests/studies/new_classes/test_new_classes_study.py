"""The study of new classes, from its classifier to its report."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.config.data import DataConfig
from gcn_tf.errors import ConfigError
from gcn_tf.studies.entries import write_entry
from gcn_tf.studies.new_classes.classifier import QUERIES, WAYS, NewClassesClassifier, episodes
from gcn_tf.studies.new_classes.report import write_new_classes_study
from gcn_tf.studies.new_classes.run import _compute
from gcn_tf.studies.new_classes.study import (
    AS_IT_IS,
    METHODS,
    NewClassesStudy,
    Protocol,
    Trial,
    chosen_methods,
)
from gcn_tf.studies.new_classes.task import MOST_ASKED
from gcn_tf.studies.new_classes.variation import CHUNK, Strength, Variation
from gcn_tf.workers import workers

HARD, SOFT, REFINED = (
    f"pre-trained + turned, learned, {kind}" for kind in ("hard ones", "softened labels", "refined")
)
FEW = ("affine + elastic", "pre-trained + turned", "learned + conventional")
OTHERS = ("original", "prototypes", "prototypes, tuned, learned + conventional", HARD, SOFT, REFINED)


@pytest.fixture(scope="module")
def halves():
    """Two classes of pictures, bright above or bright below: uint8 (40, 16, 16, 1) and int (40,)."""
    classes = np.arange(40) % 2
    images = np.random.default_rng(0).integers(0, 60, (40, 16, 16, 1), np.uint8)
    for image, below in zip(images, classes, strict=True):
        image[8 * below : 8 * below + 8] += 150
    return images, classes


@pytest.fixture(scope="module")
def classifier():
    return NewClassesClassifier((16, 16, 1), 6)


def test_a_classifier_learns_and_begins_again(classifier, halves):
    images, classes = halves
    classifier.begin(None, 0)
    fresh = [w.copy() for w in classifier.network.get_weights()]
    chunks = Variation(Strength(), None, "", np.random.default_rng(0)).chunks(images, classes, 2)
    classifier.learn(chunks, 2 * CHUNK, 2e-3)
    assert (classifier.classify(images, 2) == classes).mean() > 0.95
    assert classifier.classify(images, 2).max() == 1  # no class that was not there
    classifier.begin(None, 0)
    for one, other in zip(fresh, classifier.network.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert not any(np.any(variable.numpy()) for variable in classifier.adam.variables[2:])


def test_the_nearest_mean_decides(classifier, halves):
    images, classes = halves
    classifier.begin(None, 1)
    classifier.take_means(images[:10].astype(np.float32) / 255, classes[:10])
    assert (classifier.classify(images, 2) == classes).mean() > 0.9


def test_episodes_show_one_picture_of_a_class_then_ask_for_others():
    classes = np.repeat(np.arange(12), 8)
    rows = episodes(classes, np.random.default_rng(0))
    assert rows.shape == (CHUNK, WAYS * (1 + QUERIES))
    shown = classes[rows].reshape(CHUNK, WAYS, 1 + QUERIES)
    assert (shown == shown[..., :1]).all()
    assert all(len(set(one[:, 0])) == WAYS for one in shown)
    assert all(len(set(one)) == 1 + QUERIES for one in rows.reshape(-1, 1 + QUERIES))


def test_episodes_learn(classifier, halves):
    images, classes = halves
    classifier.begin(None, 2)
    variation, rng = Variation(Strength(), None, "", np.random.default_rng(0)), np.random.default_rng(0)
    before = [w.copy() for w in classifier.features.get_weights()]
    shown = iter([variation.of_rows(images, episodes(classes, rng))] * 2)
    classifier.learn_episodes(shown, 2 * CHUNK)
    assert any(
        not np.array_equal(a, b) for a, b in zip(before, classifier.features.get_weights(), strict=True)
    )
    classifier.take_means(images[:2].astype(np.float32) / 255, classes[:2])
    assert (classifier.classify(images, 2) == classes).mean() > 0.9


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study whose entries are written by hand."""
    monkeypatch.setattr("gcn_tf.studies.new_classes.study.materials_sha256", lambda *data: "0")
    methods = {name: METHODS[name] for name in ("affine", "affine + elastic", "learned + conventional")}
    return NewClassesStudy(DataConfig(), Protocol("digit", (1, 5)), (0, 1, 2), tmp_path, methods)


def write(study, name, setting, seed, role, shares):
    """An entry with these shares of ten pictures classified correctly, by number of pictures given."""
    trial = Trial(name, setting, seed, role)
    found = {
        f"correct/{count}": np.arange(10) < round(10 * share)
        for count, share in zip(study.protocol.counts, shares, strict=True)
    }
    write_entry(study.path(trial), study.origin(trial), {**found, "who": np.arange(10) // 2})


def test_validation_chooses_settings_and_methods_for_every_number_of_pictures(study):
    for seed in (0, 1):
        for setting, shares in enumerate([(0.3, 0.5), (0.6, 0.5), (0.4, 0.9)]):
            write(study, "affine", setting, seed, "validation", shares)
        for setting, shares in enumerate([(0.5, 0.5), (0.5, 0.5), (0.1, 0.1)]):
            write(study, "affine + elastic", setting, seed, "validation", shares)
    assert study.best_setting("affine", 1) == 1
    assert study.best_setting("affine", 5) == 2
    assert study.best_setting("affine + elastic", 1) == 0  # of equals the weakest
    assert study.best_method(["affine + elastic", "affine"], 1) == "affine"
    wanted = {
        (trial.setting, trial.seed)
        for trial in replace(study, some_methods={"affine": METHODS["affine"]}).trials("test")
    }
    assert wanted == {(setting, seed) for setting in (1, 2) for seed in (0, 1, 2)}


def test_results_are_those_of_the_chosen_settings(study):
    for seed in (0, 1):
        for setting, share in enumerate((0.3, 0.6, 0.4)):
            write(study, "affine", setting, seed, "validation", (share, share))
    for seed, share in enumerate((0.1, 0.2, 0.9)):
        write(study, "affine", 1, seed, "test", (share, 0.0))
    assert [one.mean() for one in study.results("affine", 1)] == [0.1, 0.2, 0.9]


def test_methods_that_start_alike_share_the_start(study):
    study = replace(study, some_methods=dict(METHODS))
    both = [Trial(name, 1, 0, "test") for name in ("prototypes", "prototypes, tuned")]
    assert study.start_of(both[0]) == study.start_of(both[1]) == both[0]
    assert study.start_of(Trial("affine", 0, 0, "test")) is None
    learned, plain = "pre-trained, learned + conventional", "pre-trained"
    assert study.start_of(Trial(learned, 1, 0, "test")) != study.start_of(Trial(plain, 1, 0, "test"))


SETTINGS = ["--new", "digit", "--writers", "4", "--counts", "1", "--quick", "--jobs", "1"]


@pytest.mark.slow
def test_a_study_ends_in_a_report_and_is_not_made_twice(tmp_path, capsys, monkeypatch):
    pair = ("affine + elastic", "learned + conventional")
    methods = {name: replace(METHODS[name], settings=METHODS[name].settings[:2]) for name in pair}
    monkeypatch.setattr("gcn_tf.studies.new_classes.study.METHODS", methods)
    words = ["study", "augmentation", *SETTINGS, "--out", str(tmp_path)]
    main(words)
    assert f"look at: {tmp_path / 'accuracy.png'}" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert list(report["accuracy"]) == [*pair]
    assert report["chosen"]["1"]["best with learned moves"] == "learned + conventional"
    text = (tmp_path / "report.md").read_text()
    assert "learned moves teach" in text
    assert "samples.png" in text
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "entries").iterdir()}
    main(words)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "entries").iterdir()} == first
    with pytest.raises(SystemExit) as stop:
        main([*words, "--seed", "3"])
    assert stop.value.code == 2
    assert "holds another study" in capsys.readouterr().err


def report_of(study):
    """What a study says once all of it is computed."""
    with workers(1) as run:
        _compute(study, run)
    write_new_classes_study(study)
    return json.loads((study.out / "report.json").read_text())


@pytest.mark.parametrize("names", [FEW, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_a_study_of_some_methods(tmp_path, names):
    data = DataConfig.of("glyphs", writers="6")
    methods = {name: replace(METHODS[name], settings=METHODS[name].settings[:1]) for name in names}
    study = NewClassesStudy(data, Protocol("digit", (1,), CHUNK, CHUNK), (0, 1), tmp_path, methods)
    report = report_of(study)
    for name in names:
        assert 0 <= report["accuracy"][name]["1"]["value"] <= 1
    title = next(iter(report["differences"]))
    chosen = report["chosen"]["1"]
    difference = (
        report["accuracy"][chosen["best with learned moves"]]["1"]["value"]
        - report["accuracy"][chosen["best without learned moves"]]["1"]["value"]
    )
    assert report["differences"][title]["1"]["value"] == pytest.approx(difference)
    assert (tmp_path / "samples.png").stat().st_size > 1000


def test_methods_are_chosen_by_name_in_the_order_of_the_table():
    protocol = Protocol("digit")
    wanted = ("pre-trained, learned + conventional", "prototypes")
    assert list(chosen_methods(protocol, wanted)) == ["prototypes", "pre-trained, learned + conventional"]
    assert chosen_methods(protocol, ()) == METHODS
    with pytest.raises(ConfigError, match=r"--methods prototype: no such method.*prototypes"):
        chosen_methods(protocol, ("prototype",))
    with pytest.raises(ConfigError, match="fuller grid alone"):
        chosen_methods(protocol, ("fuller grid alone",))
    assert "fuller grid alone" in chosen_methods(
        replace(protocol, classified="digit"), ("fuller grid alone",)
    )


def test_chosen_methods_of_the_command_line(tmp_path, monkeypatch):
    compared = []
    monkeypatch.setattr(
        "gcn_tf.studies.new_classes.run._compute", lambda study, run: compared.extend(study.methods)
    )
    monkeypatch.setattr("gcn_tf.studies.new_classes.run.write_new_classes_study", lambda study: tmp_path)
    names = "affine; pre-trained, learned + conventional"
    main(["study", "augmentation", *SETTINGS, "--methods", names, "--out", str(tmp_path / "study")])
    assert compared == ["affine", "pre-trained, learned + conventional"]


def test_methods_of_another_study_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["study", "augmentation", "--methods", "affine"])
    assert stop.value.code == 2
    assert "--methods affine: say of which factor" in capsys.readouterr().err


def barred_digits(folder):
    """Three digits, a bar each, twice by eight writers, who have their own slants: 28x28."""
    rng, lines = np.random.default_rng(0), ["file_name,digit,writer"]
    folder.mkdir()
    for digit, writer, copy in itertools.product(range(3), range(8), range(2)):
        image = rng.integers(0, 40, (28, 28), np.uint8)
        rows = np.arange(4, 24)
        image[rows, 6 + 7 * digit + rows * writer // 80 + rng.integers(0, 2)] = 255
        Image.fromarray(image).save(folder / f"{digit}-{writer}-{copy}.png")
        lines.append(f"{digit}-{writer}-{copy}.png,{digit},w{writer}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return DataConfig.of(str(folder), image_size=28, exemplars="all")


@pytest.mark.slow
def test_a_classifier_for_each_new_writer(tmp_path):
    data = barred_digits(tmp_path / "pictures")
    few = ("affine + elastic", "learned + conventional")
    methods = {name: replace(METHODS[name], settings=METHODS[name].settings[:1]) for name in few} | AS_IT_IS
    protocol = Protocol("writer", (1,), CHUNK, 4 * CHUNK, "digit")
    study = NewClassesStudy(data, protocol, (0, 1), tmp_path / "study", methods)
    assert NewClassesStudy(data, protocol, (0, 1), tmp_path / "study").methods.keys() >= AS_IT_IS.keys()
    report = report_of(study)
    assert report["taught"] == [3, 3]
    assert report["asked"] == [9, 9]  # of each digit one picture that is not given
    assert report["accuracy"]["fuller grid alone"]["1"]["value"] > 0.8  # it keeps its classes
    assert (
        "a classifier of each one's *digit* learns from few pictures of that writer"
        in (tmp_path / "study" / "report.md").read_text()
    )


def test_few_pictures_of_some_writers_and_no_learned_moves(tmp_path):
    methods = {"affine": replace(METHODS["affine"], settings=METHODS["affine"].settings[:1])}
    protocol = Protocol("digit", (1,), CHUNK, CHUNK, givers=3)
    study = NewClassesStudy(DataConfig.of("glyphs", writers="3"), protocol, (0, 1), tmp_path, methods)
    report = report_of(study)
    assert report["asked"] == [MOST_ASKED, MOST_ASKED]  # by writers beyond the three
    assert report["differences"] == {}
    assert report["chosen"]["1"] == {"best conventional": "affine", "best without learned moves": "affine"}
    text = (tmp_path / "report.md").read_text()
    assert "The few are by 3, and all others are tested on." in text
    assert "pictures of each digit by each of 3" in text
    assert "Differences" not in text  # no verdict on moves
    assert "moves teach" not in text


def test_a_study_of_an_earlier_version_knew_no_givers(tmp_path):
    study = NewClassesStudy(DataConfig(), Protocol("digit"), (0, 1), tmp_path)
    assert "givers" not in study.settings["protocol"]
    of_some = replace(study, protocol=Protocol("digit", givers=3))
    assert of_some.settings["protocol"]["givers"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--givers", "3"], "--givers 3: say of which factor"),
        (["--new", "writer", "--classify", "digit", "--givers", "3"], "a new writer gives the pictures"),
        (["--new", "digit", "--givers", "-1"], "--givers -1"),
    ],
)
def test_givers_where_there_are_none_are_refused(words, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["study", "augmentation", *words])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_one_seed_is_too_few(tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["study", "augmentation", "--new", "digit", "--seeds", "1", "--out", str(tmp_path / "s")])
    assert stop.value.code == 2


def test_the_flag_belongs_to_augmentation(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["study", "newcomers", "--new", "digit"])
    assert stop.value.code == 2
    assert "--new belongs to study augmentation" in capsys.readouterr().err


def test_what_is_classified_needs_new_values(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["study", "augmentation", "--classify", "digit"])
    assert stop.value.code == 2
    assert "--classify digit: say of which factor values are new" in capsys.readouterr().err
