import json
import re
import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.doors import COMMANDS
from gcn_tf.errors import UserError


def run(*words, **options):
    command = [sys.executable, "-m", "gcn_tf.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, **options)


GIVE_HELP = """
import json, sys, time
from gcn_tf.cli import main

for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as stop:
        assert not stop.code
assert not {"tensorflow", "keras"} & sys.modules.keys()
print(time.process_time(), file=sys.stderr)
"""


SLOWEST = 10  # imports of NumPy, on a processor so slow that half a second is too little


def import_of_numpy():
    """Seconds of the processor."""
    code = "import numpy, time; print(time.process_time())"
    return statistics.median(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    )


def test_help_answers_at_once_with_an_example_and_without_tensorflow():
    """Of all commands by one process, in the time that each is allowed."""
    words = [["--help"], *([name, "--help"] for name in COMMANDS)]
    seconds = []
    for _ in range(3):
        command = [sys.executable, "-c", GIVE_HELP, json.dumps(words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seconds.append(float(done.stderr))  # of the processor: wall time on a busy machine says nothing
    assert done.stdout.count("Example: gcn-tf") == len(COMMANDS)
    assert "gcn-tf train --dataset" in done.stdout
    assert statistics.median(seconds) < max(0.5, SLOWEST * import_of_numpy())


@pytest.mark.parametrize(
    "words, message",
    [
        (["trian"], "did you mean train"),
        (["train", "--steps", "abc"], "--steps abc: give a whole number"),
        (["train", "--steps", "0"], "steps is 0: give a number from 1 up"),
        (["train", "--learning-rate", "nan"], "learning_rate is nan"),
        (["train", "--cooperation", "foo"], "--cooperation foo: use one of joint, frozen, none"),
        (["train", "--stepps", "3"], "unknown option --stepps, did you mean --steps?"),
        (["train", "--preset", "qmnst"], "did you mean qmnist"),
        (["train", "--dataset", "qmnst"], "did you mean qmnist"),
        (["train", "--holdout", "color=green"], "no seen cell with color=green"),
        (["train", "--holdout", "digit=77"], "digit has no value '77'"),
        (["train", "--config", "absent.yaml"], "cannot read absent.yaml"),
        (["train", "--resume", "absent"], "absent is not a run directory"),
        (["train", "--image-size", "30"], "nearest that do are 28 and 32"),
        (["train", "--factor-weights", "wrter", "3"], "did you mean writer"),
        (["evaluate", "absent"], "absent is not a run directory"),
        (["generate", "absent", "digit=7"], "absent is not a run directory"),
        (["generate"], "required"),
        (["export", "absent"], "absent is not a run directory"),
        (["datasets", "glyph"], "did you mean glyphs"),
        (["datasets", "glyphs", "--holdout", "fraction=2"], "between 0 and 1"),
        (["study", "cooperation", "--seeds", "0"], "--seeds 0: give a number from 1 to 1000"),
        (["study", "cooperation", "--steps", "-1"], "steps is -1"),
        (["study", "competition"], "experiment competition: use one of cooperation, weights"),
        (["study", "settings"], "give --config best.yaml"),
        (["study", "weights", "--jobs", "0"], "--jobs 0: give a number from 1 to 1000"),
        (["study", "weights", "--config", "absent.yaml"], "cannot read absent.yaml"),
        (["tune", "--trials", "1"], "--trials 1: give a number from 2"),
        (["tune", "--strategy", "grid"], "use one of hyperband, bayesian, random"),
        (["tune", "--space", "lerning_rate=1..2"], "did you mean learning_rate"),
        (["tune", "--space", "factor_weights.wrter=1..2"], "did you mean writer"),
        (["tune", "--space-file", "absent.yaml"], "cannot read absent.yaml"),
        (
            ["tune", "--validation", "digit=7", "--holdout", "digit=7 writer=1", "--holdout", "digit=7"],
            "digit=7",
        ),
        (["tune", "--max-parameters", "9"], "the smallest networks of the space have"),
        (["tune", "--role", "chief", "--chief-address", "nowhere"], "write HOST:PORT"),
        (["tune", "--chief-address", "127.0.0.1:\u00b2"], "write HOST:PORT"),
        (["study", "cooperation", "--counts", "3"], "--counts belongs to study augmentation and newcomers"),
        (["study", "newcomers", "--newcomers", "0"], "--newcomers 0: give a number from 1"),
        (["study", "newcomers", "--quick", "--writers", "3"], "--newcomers 1"),
        (["study", "newcomers", "--factor", "color"], "use one of digit, writer"),
        (["study", "cooperation", "--factor", "digit"], "--factor belongs to study newcomers"),
        (["study", "augmentation", "--seeds", "1"], "--seeds 1: give 2 or more"),
        (["study", "augmentation", "--counts", "0"], "--counts 0: give a number from 1"),
        (["study", "augmentation", "--jobs", "0"], "--jobs 0: give a number from 1 to 1000"),
        (
            ["study", "augmentation", "--dataset", "qmnist", "--manual-dir", ".", "--exemplars", "5"],
            "--counts 5",
        ),
        (["study", "augmentation", "--dataset", "mnist-style"], "there is nothing to classify in it"),
        (
            ["study", "augmentation", "--dataset", "kdef"],
            "--persons authors-65: give the number to learn from",
        ),
        (["study", "augmentation", "--dataset", "kdef", "--persons", "9"], "--manual-dir"),
        (
            ["augment", "absent", "--out", "x"],
            "give one of --blend FACTOR, --mix FACTOR,FACTOR, --fill unseen and --for FACTOR",
        ),
        (["augment", "absent", "--blend", "writer", "--out", "x"], "absent is not a run directory"),
        (["augment", "absent", "--blend", "writer"], "--out"),
        (["augment", "absent", "--blend", "writer", "--out", "x", "--shard", "5/4"], "--shard 5/4"),
        (["datasets", "glyphs", "--write-kdef", "out"], "--write-kdef writes procedural faces"),
        (["datasets", "faces", "--persons", "F01"], "give their number"),
        (
            ["datasets", "faces", "--persons", "\u00b2", "--write-kdef", "out"],
            "give their number",
        ),
        (
            ["train", "--dataset", "faces", "--preset", "folder", "--image-size", "65"],
            "nearest that do are 64 and 72",
        ),
        (["train", "--dataset", "kdef"], "--manual-dir"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2(
    words, message, capsys, tmp_path, tmp_path_factory, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("nothing prepared")))
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert not list(tmp_path.iterdir())


def test_datasets_takes_what_is_not_said_from_the_preset(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["datasets", "faces", "--persons", "3", "--image-size", "32", "--holdout", "high-level=2"])
    said = capsys.readouterr().out
    assert "96 cells: 80 seen, 16 unseen high-level" in said
    assert Image.open("faces.png").size[0] > 500


@pytest.mark.slow
def test_procedural_faces_are_written_as_kdef_files_with_every_emotion(tmp_path, capsys):
    main(["datasets", "faces", "--persons", "1", "--write-kdef", str(tmp_path)])
    assert f"14 files: {tmp_path / 'KDEF'}" in capsys.readouterr().out
    written = {path.stem[4:6] for path in tmp_path.glob("KDEF/*/*.JPG")}
    assert written == {"AF", "AN", "DI", "HA", "NE", "SA", "SU"}


def test_the_folder_persons_and_seed_of_kdef_files_are_those_asked_for(tmp_path, monkeypatch, capsys):
    wanted = []
    monkeypatch.setattr(
        "gcn_tf.pipelines.procedural.faces.pictures.write_kdef", lambda *given: wanted.append(given) or 14
    )
    main(["datasets", "faces", "--persons", "1", "--data-seed", "3", "--write-kdef", str(tmp_path)])
    assert f"14 files: {tmp_path / 'KDEF'}" in capsys.readouterr().out
    assert wanted == [(tmp_path, 1, 3)]


def test_debug_lets_the_error_out():
    with pytest.raises(UserError, match="absent is not a run directory"):
        main(["evaluate", "absent", "--debug"])


def test_a_command_answers_in_a_reasonable_time_and_without_tensorflows_chatter(toy_run, tmp_path):
    start, picture = time.monotonic(), tmp_path / "x.png"
    done = run("generate", toy_run, "digit=7", "writer=1", "color=red", "rotation=90", "--out", picture)
    assert time.monotonic() - start < 60
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == f"look at: {picture}\n"


@pytest.mark.long
def test_the_main_job_ends_with_the_picture_to_look_at(toy_config_file, toy_judges, tmp_path, monkeypatch):
    """train, then evaluate, generate and export on what it wrote."""
    monkeypatch.chdir(tmp_path)
    main(["train", "--config", str(toy_config_file), "--run-dir", "runs/toy"])
    folder = tmp_path / "runs/toy/report"
    report = json.loads((folder / "report.json").read_text())
    assert report["pictures"] == {"seen": 346, "unseen low-level": 14}
    assert set(report["scores"]) == {"seen", "unseen low-level"}
    assert "digit" in report["judges"]["convolutional"]["doubted_factors"]
    text = (folder / "report.md").read_text()
    assert "The convolutional judge misclassifies digit" in text
    for picture in ("cells", "reconstruction", "low-level", "confusion", "extremes", "curves"):
        assert f"{picture}.png" in text
        assert np.asarray(Image.open(folder / f"{picture}.png")).std() > 5
    before = (tmp_path / "runs/toy/report/report.json").read_text()
    main(["evaluate", "runs/toy"])
    assert (tmp_path / "runs/toy/report/report.json").read_text() == before
    main(["export", "runs/toy", "--out", "model"])
    assert (tmp_path / "model" / "saved_model.pb").exists()
    main(["generate", "runs/toy", "digit=*", "writer=0:0.5+1:0.5", "color=red", "rotation=0"])
    assert list((tmp_path / "runs/toy/generated").iterdir())


def test_a_dry_run_of_train_tells_what_to_expect_and_writes_nothing(
    toy_config_file, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    main(["train", "--config", str(toy_config_file), "--dry-run"])
    told = capsys.readouterr().out
    assert "360 cells 28x28x3: 346 seen, 14 unseen low-level" in told
    assert "images float32 (16, 28, 28, 3)" in told
    assert "digit 10, writer 3, color 3, rotation 4 -> 28x28x3;" in told
    assert "28x28x3 -> digit 11, writer 4, color 4, rotation 5;" in told
    assert re.search(r"s a step \(median of 8\), 24 steps: about \d+ s", told)
    assert re.search(r"checkpoints at most \d+ MB", told)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit):
        main(["train", "--config", str(toy_config_file), "--dry-run", "--image-size", "32"])
    assert "make 28x28 images, the dataset has 32x32" in capsys.readouterr().err


def test_a_flag_that_is_given_fixes_its_setting_in_a_search(toy_config_file, capsys):
    words = ["--config", str(toy_config_file), "--learning-rate", "1e-3", "--factor-weights", "writer", "20"]
    main(["tune", "--dry-run", *words, "--space", "beta_2=0.9..0.95"])
    told = capsys.readouterr().out
    assert "learning_rate              0.001 (fixed)" in told
    assert "factor_weights.writer      20 (fixed)" in told
    assert "factor_weights.digit       0.2..20, log scale" in told
    assert "beta_2                     0.9..0.95;" in told


def test_a_finished_run_resumes_to_the_same_report_and_refuses_other_settings(toy_run, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--resume", str(toy_run), "--learning-rate", "0.5"])
    assert stop.value.code == 2
    assert "learning_rate: 0.001 in the run, 0.5 now" in capsys.readouterr().err


def test_datasets_lists_what_each_needs_and_draws_a_contact_sheet(tmp_path, capsys):
    main(["datasets"])
    said = capsys.readouterr().out
    assert "qmnist/test10k" in said
    assert "--manual-dir" in said
    main(["datasets", "glyphs", "--writers", "2", "--out", str(tmp_path / "sheet.png")])
    told = capsys.readouterr().out
    assert "240 cells: 230 seen, 10 unseen low-level" in told
    assert "rotation" in told
    assert "90 (5" in told
    assert np.asarray(Image.open(tmp_path / "sheet.png")).std() > 20
