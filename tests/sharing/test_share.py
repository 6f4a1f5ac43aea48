"""A run handed on as a bundle, and taken back."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard

import gcn_tf
from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import evaluate, read_report
from gcn_tf.evaluation.verify import verify
from gcn_tf.runs.bundle import check_whole, read_checksums
from gcn_tf.runs.checkpoints import read_note
from gcn_tf.sharing.share import share
from gcn_tf.sharing.statement import Statement

pytestmark = pytest.mark.usefixtures("toy_judges")

CELL = {"digit": 7, "writer": 2, "color": "red", "rotation": 90}
WORDS = [f"{name}={value}" for name, value in CELL.items()]
REAL = {"cells.png", "extremes.png", "low-level.png", "reconstruction.png"}  # show real pictures


@pytest.fixture(scope="module")
def shared(reported_run, tmp_path_factory):
    """A bundle of it: read it, do not write to it."""
    return share(reported_run, tmp_path_factory.mktemp("bundles") / "digits").folder


@pytest.fixture
def bundle(shared, tmp_path):
    return shutil.copytree(shared, tmp_path / "digits")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_has_everything_and_nothing_of_the_training_set(shared, reported_run):
    assert {name.split("/")[0] for name in files(shared)} == {
        *("README.md", "LICENSE-DATA", "SHA256SUMS", "bundle.json", "example.py"),
        *("config.yaml", "factors.json", "metrics.jsonl", "checkpoints", "model", "report"),
    }
    assert files(shared / "checkpoints") == {"step-00000024.npz"}
    for part in ("model", "checkpoints", "report"):
        for name in files(shared / part) - {"identity.json"}:
            assert (shared / part / name).read_bytes() == (reported_run / part / name).read_bytes(), name
    assert set(read_checksums(shared)) == files(shared) - {"SHA256SUMS"}


def test_sha256sum_checks_a_bundle(shared):
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=shared, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": OK\n") == len(files(shared)) - 1


def test_a_bundle_is_a_run_that_draws_the_same_pictures_anywhere(bundle, reported_run, capsys):
    own, handed_on = gcn_tf.open_run(reported_run), gcn_tf.open_run(bundle)
    assert np.array_equal(own.generate(**CELL), handed_on.generate(**CELL))
    assert handed_on.report() == own.report()
    main(["generate", str(bundle), *WORDS])
    check_whole(bundle)
    verify(bundle)
    assert "pictures: those of the training" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("generate", "config.yaml"),
        ("export", "checkpoints/step-00000024.npz"),
        ("evaluate", "report/cells.csv"),
        ("share", "model/saved_model.pb"),
    ],
)
def test_every_command_refuses_a_bundle_that_was_changed(bundle, command, name, capsys):
    (bundle / name).write_bytes((bundle / name).read_bytes() + b"\n")
    words = {"generate": WORDS, "share": ["--out", str(bundle.parent / "again")]}.get(command, [])
    with pytest.raises(SystemExit) as stop:
        main([command, str(bundle), *words])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.count("\n") == 1
    assert f"{bundle / name} is not as it was handed on" in said
    assert "copy the bundle again" in said


@pytest.mark.slow
def test_what_evaluate_and_export_write_into_a_bundle_is_checked_from_then_on(bundle):
    (bundle / "report" / "report.md").write_text("")
    with pytest.raises(UserError, match=r"report\.md"):
        gcn_tf.open_run(bundle)
    shutil.rmtree(bundle / "report")
    (bundle / "SHA256SUMS").write_text(
        "".join(
            line for line in (bundle / "SHA256SUMS").read_text().splitlines(True) if "  report/" not in line
        )
    )
    evaluate(bundle)
    main(["export", str(bundle)])
    check_whole(bundle)
    assert set(read_checksums(bundle)) == files(bundle) - {"SHA256SUMS"}


def test_training_does_not_go_on_in_a_bundle(bundle, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--resume", str(bundle), "--steps", "40"])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.count("\n") == 1
    assert "is a bundle" in said
    assert "gcn-tf train --config" in said
    check_whole(bundle)


@pytest.mark.long
def test_the_best_checkpoint_is_shared_with_its_own_model_and_report(reported_run, tmp_path):
    run = shutil.copytree(reported_run, tmp_path / "toy")
    best = read_note(run / "checkpoints" / "best.npz")
    assert best["step"] < 24, "the best one is to be another than the newest"
    bundle = share(run, tmp_path / "best", checkpoint="best.npz").folder
    assert files(bundle / "checkpoints") == {f"step-{best['step']:08d}.npz"}
    assert read_report(bundle)["steps"] == best["step"]
    assert (read_report(bundle)["run"], read_report(run)["steps"]) == ("toy", 24)
    own, handed_on = gcn_tf.open_run(run, "best"), gcn_tf.open_run(bundle)
    assert np.array_equal(own.generate(**CELL), handed_on.generate(**CELL))
    verify(bundle, say=lambda line: None)


@pytest.mark.slow
def test_the_example_needs_tensorflow_alone(shared, tmp_path):
    from PIL import Image

    alone = (
        "import runpy, sys\n"
        "sys.modules['gcn_tf'] = sys.modules['keras'] = None  # importing either is an error\n"
        "runpy.run_path(sys.argv[1], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", alone, shared / "example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "color: red, green, blue" in done.stdout
    made = np.asarray(Image.open(tmp_path / "example.png"))
    assert made.shape == (28, 2 * 28, 3)
    first = {"digit": "0", "writer": "0", "color": "red", "rotation": "0"}
    run = gcn_tf.open_run(shared)
    assert np.array_equal(made[:, :28], run.generate(**first))
    assert np.array_equal(made[:, 28:], run.generate(**{**first, "writer": "0:0.5+1:0.5"}))


def test_without_pictures_no_figure_shows_a_real_one(reported_run, tmp_path, capsys):
    main(["share", str(reported_run), "--out", str(tmp_path / "digits"), "--without-pictures"])
    report = tmp_path / "digits" / "report"
    assert {path.name for path in report.glob("*.png")} == {"confusion.png", "curves.png"}
    page = (report / "report.html").read_text()
    assert page.count("<img") == page.count('src="data:image/png') == 2
    text = (report / "report.md").read_text()
    assert not any(name in text for name in REAL)
    assert "## Best and worst" not in text
    assert "## Scores" in text
    assert "figures with pictures were left out" in (tmp_path / "digits" / "README.md").read_text()
    assert "figures with pictures were left out" in capsys.readouterr().out
    verify(tmp_path / "digits", say=lambda line: None)


def test_the_card_is_one_that_the_hub_reads(shared):
    card = ModelCard.load(shared / "README.md")
    data = card.data.to_dict()
    assert (data["license"], data["library_name"]) == ("apache-2.0", "tensorflow")
    assert data["pipeline_tag"] == "unconditional-image-generation"
    assert {"gcn-tf", "tensorflow", "keras"} <= set(data["tags"])
    scores = read_report(shared)["scores"]
    results = {
        (result.dataset_split, result.metric_type): result
        for result in card.data.eval_results
        if "hog" not in result.metric_name
    }
    assert {group for group, _ in results} == set(scores)
    for group, by_name in scores.items():
        found, wanted = results[group, "psnr"], by_name["psnr_db"]
        assert found.metric_value == pytest.approx(wanted["value"], rel=1e-3)
        assert found.metric_args["low"] == pytest.approx(wanted["low"], rel=1e-3)
        assert found.metric_args["high"] == pytest.approx(wanted["high"], rel=1e-3)
        assert f"{found.metric_args['low']:g} to {found.metric_args['high']:g}" in found.metric_name


def test_the_card_says_what_is_needed(shared):
    text = (shared / "README.md").read_text()
    for part in (
        *("## What it is for", "## How good its pictures are", "## What it learned from", "## People"),
        *(
            "The pictures show no real people.",
            "Licence: Apache 2.0",
            "report/cells.png",
            "python example.py",
        ),
        *("`report/` shows real pictures beside generated ones: `cells.png`", "hold weights and no picture"),
    ):
        assert part in text
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert len(links) >= 4
    assert [link for link in links if not (shared / link).exists()] == []


def test_what_the_owner_states_is_in_the_card_and_goes_on(shared, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    stated = ["--licence", "CC BY-NC 4.0", "--people", "yes", "--consent", "Agreed in writing."]
    main(["share", str(shared), "--out", str(first), *stated, "--without-pictures"])
    assert "not stated" not in capsys.readouterr().out
    main(["share", str(first), "--out", str(second), "--people", "no", "--without-pictures"])
    texts = [(folder / "README.md").read_text() for folder in (first, second)]
    assert [yaml.safe_load(text.split("---")[1])["license"] for text in texts] == ["cc-by-nc-4.0"] * 2
    assert "The pictures show people. Their consent: Agreed in writing.\n" in texts[0]
    assert "The pictures show no real people." in texts[1]
    assert "CC BY-NC 4.0" in (second / "LICENSE-DATA").read_text()
    assert json.loads((second / "bundle.json").read_text())["consent"] == "Agreed in writing."


def test_a_bundle_replaces_one_of_the_same_run_that_nobody_worked_on(reported_run, bundle, tmp_path):
    share(reported_run, bundle, Statement(licence="mit"))
    assert "license: mit" in (bundle / "README.md").read_text()
    (bundle / "README.md").write_text("# Mine")
    with pytest.raises(UserError, match=r"README.md was edited and would be lost"):
        share(reported_run, bundle)
    shutil.copy(reported_run / "config.yaml", bundle / "mine.yaml")
    with pytest.raises(UserError, match=r"holds what share did not write \(mine.yaml\)"):
        share(reported_run, bundle)


def test_no_other_folder_is_replaced(reported_run, bundle, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    about = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**about, "run": "0" * 16}))
    monkeypatch.chdir(tmp_path)
    for place, reason in {
        tmp_path / "mine": "holds files that share did not write",
        bundle: "is a bundle of another run",
        reported_run: "lie in one another",
        reported_run / "bundle": "lie in one another",
        reported_run.parent: "lie in one another",
        tmp_path: "the folder that you are in",
        tmp_path / "mine" / "letter.txt": "is a file",
    }.items():
        with pytest.raises(UserError, match=reason):
            share(reported_run, place)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_killed_share_leaves_nothing(reported_run, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gcn_tf.sharing.share.write_checksums", full)
    with pytest.raises(OSError, match="No space left"):
        share(reported_run, tmp_path / "digits")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def extended(tmp_path_factory, toy_config, brief_judges):
    """A run of own pictures in a folder with a long name, extended with a newcomer."""
    from gcn_tf.api.run import train
    from gcn_tf.config.schema import to_dict
    from gcn_tf.newcomers.extend import extend
    from gcn_tf.pipelines.folder.writing import write_pictures

    root = tmp_path_factory.mktemp("own")
    folder = root / "My pictures & others, in a folder with a long name" / "of all the people next door"
    images = np.random.default_rng(0).integers(0, 255, (14, 28, 28, 3), np.uint8)
    person = ["anna", "ben", "cleo"] * 4 + ["dan"] * 2
    pose = [str(n // 3) for n in range(12)] + ["0", "1"]
    write_pictures(images[:12], {"person": person[:12], "pose": pose[:12]}, folder)
    write_pictures(images[12:], {"person": person[12:], "pose": pose[12:]}, root / "newcomer")
    networks = {name: to_dict(getattr(toy_config, name)) for name in ("generator", "classifier")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.model.newcomer_codes.STEPS", 2)
        patch.setattr("gcn_tf.planning.plan.seconds_per_step", lambda prepared: 1e-3)
        settings = {"steps": 2, "classifier_steps": 0, "image_size": 28, "holdout": "fraction=0.2"}
        run = train(folder, root / "people", report=False, **networks, **settings)
        return extend(run.folder, ["person=dan"], [root / "newcomer"], force=True).folder, folder


@pytest.mark.slow
def test_a_bundle_of_own_pictures_names_no_place_and_takes_the_pictures(extended, tmp_path):
    run, pictures = extended
    shutil.copy(run.parent / "people" / "plan.yaml", run / "plan.yaml")
    bundle = share(run, tmp_path / "people", Statement(people="yes")).folder
    assert {name for name in files(bundle) if name.startswith("newcomers")} == {
        *("newcomers/0.png", "newcomers/1.png", "newcomers/labels.csv"),
    }
    for name in sorted(files(bundle)):
        content = (bundle / name).read_bytes()
        assert b"next door" not in content, name
        assert str(run.parent).encode() not in content, name
    card = (bundle / "README.md").read_text()
    assert "`newcomers/` holds the 2 pictures" in card
    assert "persons who were photographed for it may be recognised" in card
    with pytest.raises(UserError, match=f"{bundle}/pictures is not a folder"):
        verify(bundle, say=lambda line: None)
    shutil.copytree(pictures, bundle / "pictures")
    verify(bundle, say=lambda line: None)


@pytest.mark.long
def test_without_pictures_newcomers_have_none(extended, tmp_path):
    bundle = share(extended[0], tmp_path / "people", pictures=False).folder
    assert not list(bundle.rglob("newcomers/*"))
    assert {path.name for path in bundle.rglob("*.png")} <= {"confusion.png", "curves.png"}
    assert "their pictures were left out" in (bundle / "README.md").read_text()
    assert gcn_tf.open_run(bundle).generate(person="dan", pose="1").shape == (28, 28, 3)
