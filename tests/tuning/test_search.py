import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from gcn_tf.cli import main
from gcn_tf.commands.tune import parse
from gcn_tf.config.files import resolve
from gcn_tf.config.schema import to_dict
from gcn_tf.errors import ConfigError, UserError
from gcn_tf.files import unfinished
from gcn_tf.pipelines.split import load_split
from gcn_tf.runs.run_dir import read_run_config
from gcn_tf.training import prepare as training
from gcn_tf.tuning import hypermodel
from gcn_tf.tuning.config import Search
from gcn_tf.tuning.prepare import kept_precision, prepare_search
from gcn_tf.tuning.search import describe, run_search

ADDRESS = ("127.0.0.1", 8754)


@pytest.fixture
def toy_search(toy_config, tmp_path, toy_judges):
    return toy(toy_config, tmp_path)


def toy(config, folder):
    config = dataclasses.replace(config, steps=9, image_steps=5, deterministic="never")
    specs = {"cooperation": "joint,none", "widths": "1 x 1"}
    return Search(config, specs, 3, "random", ("low-level",), 0.01, 1, None, folder / "search")


@dataclasses.dataclass
class Finished:
    """A search that ended, what it printed, and what its trainings and scores were given."""

    search: Search
    report: Path
    told: str
    trained: list
    scored: list


@pytest.fixture(scope="module")
def finished(toy_config, tmp_path_factory, toy_judges):
    """Read it, do not go on with it."""
    found = toy(toy_config, tmp_path_factory.mktemp("tunings"))
    trained, scored = [], []
    fit, score = hypermodel.fit, hypermodel.score_validation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            hypermodel,
            "fit",
            lambda prepared, folder: trained.append(prepared.split) or fit(prepared, folder),
        )
        patch.setattr(
            hypermodel,
            "score_validation",
            lambda split, generated, *rest: (
                scored.append((split, len(generated))) or score(split, generated, *rest)
            ),
        )
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            report = run_search(found, "alone", ADDRESS)
    return Finished(found, report, said.getvalue(), trained, scored)


def events(folder):
    """(tag, plugin) of everything in the event files of a folder."""
    found = set()
    for path in folder.glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            found |= {(v.tag, v.metadata.plugin_data.plugin_name) for v in event.summary.value}
    return found


def test_a_search_tells_its_progress_and_ends_with_a_report(finished):
    out = finished.search.out
    assert "3 of 3 trials done" in finished.told
    assert re.search(r"1 of 3 trials done, about .* left", finished.told)
    found = json.loads((out / "report.json").read_text())
    assert [t["status"] for t in found["trials"]] == ["COMPLETED"] * 3
    assert found["best"] == max(found["trials"], key=lambda t: t["score"])["name"]
    assert finished.report.read_text().count("data:image/png") == 1  # so few trials do not tell what mattered
    assert Image.open(out / "parallel.png").size[0] > 500
    table = (out / "report.md").read_text().partition("## Trials")[2].strip().splitlines()
    assert len(table) == 5
    assert len({line.count("|") for line in table}) == 1
    assert len((out / "trials.csv").read_text().splitlines()) == 4


def test_train_takes_the_best_settings(finished, tmp_path, monkeypatch, capsys):
    out = finished.search.out
    found = json.loads((out / "report.json").read_text())
    best = found["trials"][int(found["best"])]
    settings = resolve(config_file=out / "best.yaml")
    assert settings.steps == 9
    assert settings.learning_rate == best["values"]["learning_rate"]
    assert settings.holdout == finished.search.config.holdout
    monkeypatch.chdir(tmp_path)
    main(["train", "--config", str(out / "best.yaml"), "--dry-run"])
    assert "9 steps: about" in capsys.readouterr().out


def test_tensorboard_has_every_trial_with_its_curves_and_pictures(finished):
    folder = finished.search.out / "trials"
    for trial in ("0", "1", "2"):
        found = events(folder / trial)
        assert {"validation/score", "losses/generator"} <= {tag for tag, _ in found}
        assert {"hparams", "images", "scalars"} <= {plugin for _, plugin in found}
    assert "hparams" in {plugin for _, plugin in events(folder)}


def test_trials_learn_from_and_are_scored_on_no_test_cell(finished):
    """What the trainings of a search are given, and what the score is asked of."""
    test = load_split(finished.search.config)
    kept = {tuple(cell) for cell in test.ids[test.unseen].tolist()}
    assert len(finished.trained) == len(finished.scored) == 3
    for split, (scored, count) in zip(finished.trained, finished.scored, strict=True):
        assert not {tuple(cell) for cell in split.ids.tolist()} & kept
        assert scored is split
        assert count == split.unseen.sum() > 0


@pytest.mark.slow
def test_a_stopped_search_goes_on_and_loses_at_most_the_running_trial(toy_search, monkeypatch):
    original = hypermodel.fit
    trained = []

    def fit(prepared, run_dir):
        trained.append(run_dir.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return original(prepared, run_dir)

    monkeypatch.setattr(hypermodel, "fit", fit)
    toy_search = dataclasses.replace(toy_search, trials=2)
    with pytest.raises(KeyboardInterrupt):
        run_search(toy_search, "alone", ADDRESS)
    assert json.loads((toy_search.out / "report.json").read_text())["best"] == "0"
    assert (toy_search.out / "best.yaml").exists()
    (toy_search.out / "trials/1/score.json").write_text('{"score"')
    run_search(toy_search, "alone", ADDRESS)
    assert trained == ["0", "1", "1"]
    found = json.loads((toy_search.out / "report.json").read_text())
    assert [t["status"] for t in found["trials"]] == ["COMPLETED"] * 2


@pytest.mark.long
def test_a_search_that_goes_on_keeps_its_precision_and_its_half_trained_trial(toy_search, monkeypatch):
    """Although the other type wins when it is timed again."""
    config = dataclasses.replace(toy_search.config, precision="auto", checkpoint_steps=4)
    search = dataclasses.replace(toy_search, config=config)
    original, begun = hypermodel.fit, []

    def stopped_in_the_second(prepared, run_dir):
        begun.append((run_dir.name, prepared.config.precision))
        if len(begun) == 2:
            half = dataclasses.replace(prepared, config=dataclasses.replace(prepared.config, steps=4))
            original(half, run_dir)
            raise KeyboardInterrupt
        return original(prepared, run_dir)

    monkeypatch.setattr(hypermodel, "fit", stopped_in_the_second)
    monkeypatch.setattr(training, "resolve_precision", timed("float32"))
    with pytest.raises(KeyboardInterrupt):
        run_search(search, "alone", ADDRESS)
    trial = search.out / "trials" / "1"
    half = (trial / "checkpoints" / "step-00000004.npz", (trial / "metrics.jsonl").read_text())
    assert half[0].exists()
    monkeypatch.setattr(training, "resolve_precision", timed("mixed_bfloat16"))
    run_search(search, "alone", ADDRESS)
    assert begun == [(name, "float32") for name in ("0", "1", "1", "2")]
    assert (trial / "metrics.jsonl").read_text().startswith(half[1])
    assert {read_run_config(run).precision for run in (search.out / "trials").glob("[0-9]")} == {"float32"}


def timed(winner):
    """`resolve_precision` on a machine where this type is the faster one."""
    return lambda precision: winner if precision == "auto" else precision


def test_a_precision_that_was_asked_for_is_that_of_all_trials(finished):
    """And not what another sitting's trials had; `auto` takes theirs, of one that is damaged the next one's."""
    config = finished.search.config
    assert config.precision == "float32"
    asked = dataclasses.replace(config, precision="mixed_bfloat16")
    assert kept_precision(dataclasses.replace(finished.search, config=asked)) == "mixed_bfloat16"
    open_one = dataclasses.replace(finished.search, config=dataclasses.replace(config, precision="auto"))
    assert kept_precision(open_one) == "float32"
    assert kept_precision(dataclasses.replace(open_one, out=Path("nowhere"))) == "auto"


@pytest.mark.parametrize(("asked", "kept"), [("auto", True), ("float32", False)])
def test_a_trial_that_goes_on_keeps_its_own_precision_when_the_machine_may_choose(
    asked, kept, finished, tmp_path
):
    """Such as that of a worker on another machine; one that the user chose is that of every trial."""
    config = dataclasses.replace(finished.search.config, precision=asked)
    search = dataclasses.replace(finished.search, config=config, out=tmp_path / "copy")
    shutil.copytree(finished.search.out, search.out)
    run_dir = search.out / "trials" / "1"
    path = run_dir / "config.yaml"
    path.write_text(path.read_text().replace("precision: float32", "precision: mixed_bfloat16"))
    trial = dataclasses.replace(read_run_config(run_dir), holdout=config.holdout, precision="float32")
    opened = hypermodel.GCNHyperModel(prepare_search(search), lambda: None)._open(trial, run_dir)
    assert opened.config.precision == ("mixed_bfloat16" if kept else "float32")
    assert (run_dir / "metrics.jsonl").exists() is kept


@pytest.mark.long
def test_a_search_that_ended_does_nothing_again_and_goes_on_with_more_trials(finished, tmp_path, monkeypatch):
    again = dataclasses.replace(finished.search, out=tmp_path / "copy")
    shutil.copytree(finished.search.out, again.out)
    trained, original = [], hypermodel.fit
    monkeypatch.setattr(
        hypermodel,
        "fit",
        lambda prepared, folder: trained.append(folder.name) or original(prepared, folder),
    )
    run_search(again, "alone", ADDRESS)
    assert not trained
    run_search(dataclasses.replace(again, trials=4), "alone", ADDRESS)
    assert trained == ["3"]
    before, after = (
        json.loads((s.out / "report.json").read_text())["trials"] for s in (finished.search, again)
    )
    assert after[:3] == before


def test_what_a_kill_left_goes_even_when_nothing_is_left_to_do(finished, tmp_path):
    search = dataclasses.replace(finished.search, out=tmp_path / "again")
    shutil.copytree(finished.search.out, search.out)
    left = unfinished(next(search.out.rglob("oracle.json")))
    left.write_text("half")
    run_search(search, "alone", ADDRESS)
    assert not left.exists()


def test_a_trial_that_was_scored_and_killed_loses_its_checkpoints_when_the_search_goes_on(
    finished, tmp_path, monkeypatch
):
    """It is not trained again."""
    search = dataclasses.replace(finished.search, out=tmp_path / "again")
    shutil.copytree(finished.search.out, search.out)
    shutil.rmtree(search.out / "oracle")  # the search has not written down what its trials gave
    folder = search.out / "trials" / "1" / "checkpoints"
    assert not folder.exists()
    folder.mkdir()
    (folder / "step-00000009.npz").write_bytes(b"whole")
    monkeypatch.setattr(hypermodel, "fit", lambda *_: pytest.fail("trained again"))
    run_search(search, "alone", ADDRESS)
    assert not folder.exists()


@pytest.mark.slow
def test_a_trial_that_diverges_has_failed_and_the_search_goes_on(toy_search):
    """The first trial of this search must diverge, the second can not."""
    config = dataclasses.replace(toy_search.config, pixel_weight=1e12)
    specs = {**toy_search.specs, "learning_rate": [10.0, 1e-6], "pixel_weight": [1e12, 1e-9]}
    bad = dataclasses.replace(toy_search, config=dataclasses.replace(config, learning_rate=10.0), specs=specs)
    run_search(bad, "alone", ADDRESS)
    found = json.loads((bad.out / "report.json").read_text())
    assert found["trials"][0]["status"] == "FAILED"
    assert "training diverged" in found["trials"][0]["message"]
    assert found["trials"][0]["score"] is None
    assert "COMPLETED" in {t["status"] for t in found["trials"]}
    assert "failed: " in (bad.out / "report.md").read_text()


@pytest.mark.long
def test_a_full_training_can_be_repeated_with_other_seeds(toy_search):
    """The same cells, other weights; the score is the mean."""
    run_search(dataclasses.replace(toy_search, trials=2, executions=2), "alone", ADDRESS)
    folder = toy_search.out / "trials" / "0"
    scores = [json.loads((run / "score.json").read_text())["score"] for run in (folder, folder / "seed-1")]
    trial = json.loads((toy_search.out / "report.json").read_text())["trials"][0]
    assert scores[0] != scores[1]
    assert trial["score"] == pytest.approx(sum(scores) / 2)
    assert trial["metrics"]["lowest_score"] == pytest.approx(min(scores))
    assert read_run_config(folder / "seed-1").seed == 1


def test_a_search_refuses_another_ones_folder(finished):
    other = dataclasses.replace(finished.search, psnr_weight=0.5)
    with pytest.raises(UserError, match=r"holds another search \(psnr_weight: 0.01 there, 0.5 now\)"):
        run_search(other, "alone", ADDRESS)


@pytest.mark.parametrize("role", ["alone", "chief"])
def test_a_folder_in_use_is_refused_before_anything_is_read_or_written(role, toy_search, spawn):
    """By another process."""
    out = toy_search.out
    code = (
        "import sys; from pathlib import Path; from gcn_tf.runs.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('locked'); sys.stdin.read()"
    )
    other = spawn(code, out, stdin=subprocess.PIPE)
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(
        UserError, match=rf"search is in use by process {other.pid}: wait for it, or stop it first"
    ):
        run_search(toy_search, role, ADDRESS)
    assert [path.name for path in out.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("there", "what", "role"),
    [
        ("study.yaml", "a study", "alone"),
        ("config.yaml", "a run", "chief"),
        ("plan.json", "an augmented set", "worker"),
    ],
)
def test_a_folder_with_other_work_is_refused(there, what, role, toy_search):
    toy_search.out.mkdir()
    (toy_search.out / there).write_text("seed: 0")
    with pytest.raises(UserError, match=rf"search holds {what} \({there}\): name another folder"):
        run_search(toy_search, role, ADDRESS)
    assert [path.name for path in toy_search.out.iterdir()] == [there]


def test_trials_whose_settings_are_gone_are_not_gone_on_with(finished, tmp_path):
    copy = dataclasses.replace(finished.search, out=tmp_path / "copy", psnr_weight=0.5)
    shutil.copytree(finished.search.out, copy.out)
    (copy.out / "search.yaml").unlink()
    with pytest.raises(UserError, match=r"holds 'best\.yaml' but no search\.yaml: put that file back"):
        run_search(copy, "alone", ADDRESS)


def test_a_score_of_another_search_or_trial_is_refused_by_its_file(finished, tmp_path):
    copy = dataclasses.replace(finished.search, out=tmp_path / "copy")
    shutil.copytree(finished.search.out, copy.out)
    one, other = (copy.out / "trials" / trial / "score.json" for trial in "01")
    whole = other.read_text()
    shutil.copy(one, other)
    with pytest.raises(
        UserError, match=r"trials/1/score\.json is of other work \(trial: 0 there, 1 now\): delete it"
    ):
        run_search(copy, "alone", ADDRESS)
    other.write_text(whole.replace(copy.digest(), "another"))
    with pytest.raises(UserError, match=r"score\.json is of other work \(search: another there, \w+ now\)"):
        run_search(copy, "alone", ADDRESS)


@pytest.mark.long
def test_a_score_that_does_not_say_its_search_is_not_taken(finished, tmp_path, monkeypatch):
    """As those of older versions: the trial is trained again, unless the search had noted what it gave."""
    copy = dataclasses.replace(finished.search, out=tmp_path / "copy")
    shutil.copytree(finished.search.out, copy.out)
    shutil.rmtree(copy.out / "oracle")
    path = copy.out / "trials" / "1" / "score.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "origin"}))
    trained, original = [], hypermodel.fit
    monkeypatch.setattr(
        hypermodel,
        "fit",
        lambda prepared, folder: trained.append(folder.name) or original(prepared, folder),
    )
    run_search(copy, "alone", ADDRESS)
    assert trained == ["1"]


@pytest.mark.long
def test_the_seconds_of_a_trial_are_those_of_all_sittings(finished, tmp_path):
    """The two runs of a search in a folder, and the search that has only their scores, tell the same."""
    copy = dataclasses.replace(finished.search, out=tmp_path / "copy")
    shutil.copytree(finished.search.out, copy.out)
    shutil.rmtree(copy.out / "oracle")
    (copy.out / "trials/1/score.json").write_text("")
    (copy.out / "trials/1/seconds.json").write_text('{"seconds": 1000.0}')
    run_search(copy, "alone", ADDRESS)
    before, after = (
        [t["metrics"]["seconds"] for t in json.loads((s.out / "report.json").read_text())["trials"]]
        for s in (finished.search, copy)
    )
    assert after[::2] == before[::2]
    assert 1000 < after[1] < 1100


@pytest.mark.parametrize("name", ["oracle.json", "trial_0/trial.json"])
def test_a_damaged_file_of_a_search_is_named_in_one_line(name, finished, tmp_path):
    copy = dataclasses.replace(finished.search, out=tmp_path / "copy")
    shutil.copytree(finished.search.out, copy.out)
    path = copy.out / "oracle" / name
    path.write_text(path.read_text()[:20])
    with pytest.raises(UserError, match="oracle is damaged: delete that folder"):
        run_search(copy, "alone", ADDRESS)


def test_the_dry_run_tells_the_space_the_trials_and_the_cells(toy_search):
    told = describe(prepare_search(dataclasses.replace(toy_search, strategy="hyperband", trials=31)))
    assert "learning_rate              0.00025..0.004, log scale; now 0.001" in told
    assert "cooperation                joint, none; now joint" in told
    assert re.search(r"widths +1 x 1 \(fixed\)", told)
    assert "16 of 1 steps, 8 of 3 steps, 7 of 9 steps" in told
    assert re.search(r"\d+ more are kept for the test", told)
    assert not toy_search.out.exists()


@pytest.fixture
def tune(toy_config, toy_judges, tmp_path, spawn):
    """Starts `gcn-tf tune` on toys as a process of its own, with impatient chiefs."""
    settings = to_dict(toy_config)
    settings |= {"steps": 150, "deterministic": "never"}
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(settings))
    words = [*("tune", "--config", "toy.yaml", "--strategy", "random", "--out", "search")]
    words += ["--space", "cooperation=joint", "widths=1 x 1"]
    start = "import sys; from gcn_tf.quiet import import_tensorflow; import_tensorflow();"
    impatience = "from gcn_tf.tuning import oracles, tuner; oracles.SILENCE = 4; tuner.SIGN_OF_LIFE = 1;"

    def started(*more, stderr=subprocess.DEVNULL, impatient=True):
        code = f"{start}{impatience if impatient else ''}from gcn_tf.cli import run; run()"
        return spawn(code, *words, *more, stderr=stderr)

    return started


def wait_for_training(folder, trial):
    """Until a trial has trained some steps."""
    until = time.monotonic() + 90
    while not (folder / "search/trials" / trial / "metrics.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.1)


def statuses(folder):
    return [t["status"] for t in json.loads((folder / "search/report.json").read_text())["trials"]]


@pytest.mark.long
def test_a_killed_workers_trial_is_run_again_by_the_other(tune, tmp_path):
    """One chief and two workers on loopback; one worker gets SIGKILL in the middle of a trial."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    many = ["--trials", "6", "--chief-address", address, "--role"]
    chief, victim, other = tune(*many, "chief"), tune(*many, "worker"), tune(*many, "worker")
    trial = next(line.split()[1].rstrip(":") for line in victim.stdout if line.startswith("trial"))
    wait_for_training(tmp_path, trial)
    os.kill(victim.pid, signal.SIGKILL)
    told = chief.communicate(timeout=240)[0]
    assert other.wait(timeout=60) == chief.returncode == 0
    assert f"listening on {address}, for this machine alone" in told
    assert f"trial {trial} broke down and is run again" in told
    assert re.search(rf"trial {trial} score", told)
    assert statuses(tmp_path) == ["COMPLETED"] * 6


@pytest.fixture
def started(monkeypatch):
    """What processes beside this one are started to do; none is."""
    begun = []

    @contextlib.contextmanager
    def companions(jobs, work, arguments):
        begun.append((jobs, work, arguments))
        yield []

    monkeypatch.setattr("gcn_tf.tuning.search.companions", companions)
    return begun


def test_a_search_with_jobs_is_led_here_and_worked_on_beside(toy_search, started, monkeypatch):
    led = []
    monkeypatch.setattr("gcn_tf.tuning.search.open_search", lambda search, role, address: (role, address))
    monkeypatch.setattr("gcn_tf.tuning.search.lead", lambda *words: led.append(words) or Path("report.md"))
    assert run_search(toy_search, "alone", ("127.0.0.1", 8754), jobs=2) == Path("report.md")
    (((role, own), address),) = led
    assert started == [(2, run_search, (toy_search, "worker", address))]
    assert role == "chief"
    assert address == own
    assert address[0] == "127.0.0.1"
    assert address[1] != 8754  # that may be another search's


def test_a_worker_with_jobs_is_several_workers(toy_search, started):
    address = ("10.0.0.5", 8754)
    assert run_search(toy_search, "worker", address, jobs=3) is None
    assert started == [(3, run_search, (toy_search, "worker", address))]


@pytest.mark.long
def test_a_search_alone_runs_trials_side_by_side(tune, tmp_path):
    search = tune("--trials", "3", "--jobs", "2", "--steps", "40", impatient=False)
    told = search.communicate(timeout=400)[0]
    assert search.returncode == 0
    assert sorted(re.findall(r"^trial (\d) score", told, re.M)) == ["0", "1", "2"]
    assert told.count("worker: asks the chief at 127.0.0.1:") == 2
    assert statuses(tmp_path) == ["COMPLETED"] * 3


def test_a_chief_has_no_jobs():
    with pytest.raises(ConfigError, match="--jobs 2: a chief trains nothing, give it to the workers"):
        parse(["--dataset", "glyphs", "--role", "chief", "--jobs", "2"])


@pytest.mark.long
def test_a_killed_search_goes_on_and_loses_at_most_the_running_trial(tune, tmp_path):
    first = tune("--trials", "4")
    next(line for line in first.stdout if line.startswith("trial 1:"))
    wait_for_training(tmp_path, "1")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    told = tune("--trials", "4").communicate(timeout=240)[0]
    assert re.findall(r"^trial (\d):", told, re.M) == ["1", "2", "3"]
    assert statuses(tmp_path) == ["COMPLETED"] * 4


@pytest.mark.long
def test_of_two_searches_in_a_folder_one_is_refused(tune, tmp_path):
    both = [tune("--trials", "2", "--steps", "9", stderr=subprocess.PIPE) for _ in range(2)]
    told = {process: process.communicate(timeout=240)[1] for process in both}
    done, refused = sorted(both, key=lambda process: process.returncode)
    assert (done.returncode, refused.returncode) == (0, 2)
    (line,) = told[refused].splitlines()
    assert f"search is in use by process {done.pid}: wait for it, or stop it first" in line
    assert statuses(tmp_path) == ["COMPLETED"] * 2


def what_was_found(folder):
    """The report of a search without what depends on the clock."""
    report = json.loads((folder / "report.json").read_text())
    for trial in report["trials"]:
        trial["metrics"].pop("seconds")
    return report


@pytest.mark.long
def test_a_search_killed_at_any_moments_finds_the_same(tune, tmp_path):
    """Trials, scores, best settings and report are those of a search that was left alone."""
    words = ("--trials", "3", "--steps", "40", "--deterministic", "always", "--checkpoint-steps", "8")
    whole, killed = tmp_path / "whole", tmp_path / "search"

    def begin(*more):
        process = tune(*words, *more)
        while not any((folder / ".lock").exists() for folder in (whole, killed)) and process.poll() is None:
            time.sleep(0.002)
        return process, time.monotonic()

    first, since = begin("--out", "whole")
    assert first.wait(timeout=240) == 0
    length, chance = time.monotonic() - since, np.random.default_rng()
    moments = chance.uniform(0, length, 3)
    for moment in moments:
        process, _ = begin()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=moment)
        process.kill()
        process.wait()
        (killed / ".lock").unlink(missing_ok=True)  # tells when the next one begins
    assert tune(*words).wait(timeout=240) == 0
    assert what_was_found(killed) == what_was_found(whole), moments
    assert (killed / "best.yaml").read_bytes() == (whole / "best.yaml").read_bytes()
    assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}


def test_a_worker_with_other_settings_is_sent_away(toy_search, tmp_path, monkeypatch):
    """By the digest that the chief sends along."""
    one, other = toy_search, dataclasses.replace(toy_search, psnr_weight=0.5)
    assert one.digest() != other.digest()
    assert one.digest() == dataclasses.replace(one, trials=99).digest()
    monkeypatch.setattr(Search, "digest", lambda self: f"{time.perf_counter()}")
    with pytest.raises(UserError, match="the chief searches with other settings"):
        run_search(one, "alone", ADDRESS)
