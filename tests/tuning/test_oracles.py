import contextlib
import json
import time

import pytest

from gcn_tf.errors import UserError
from gcn_tf.tuning import oracles
from gcn_tf.tuning.oracles import build_oracle, planned_lengths


def begun(folder, strategy="random", trials=6):
    """An oracle with one setting, `x`, whose start is 0.25."""
    oracle = build_oracle(strategy, trials, 0)
    oracle.hyperparameters.Float("x", 0.0, 1.0, default=0.25)
    oracle._set_project_dir(str(folder), "oracle")
    return oracle


def finish(oracle, trial, score=0.5):
    oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


@pytest.mark.parametrize("strategy", ["hyperband", "bayesian", "random"])
def test_the_first_trial_has_the_settings_as_they_are_at_full_length(strategy, tmp_path):
    oracle = begun(tmp_path, strategy)
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    assert first.hyperparameters.get("x") == 0.25
    assert first.hyperparameters.values[oracles.EPOCHS] == oracles.UNITS
    assert second.hyperparameters.get("x") != 0.25


@pytest.mark.parametrize("strategy", ["hyperband", "bayesian", "random"])
def test_a_search_has_as_many_trials_as_were_asked_for(strategy):
    assert len(planned_lengths(strategy, 31)) == 31


def test_hyperband_tries_many_short_trainings_and_few_long_ones():
    lengths = planned_lengths("hyperband", 31)
    assert lengths[0] == 1.0
    assert lengths.count(1 / 9) > lengths.count(1 / 3) >= lengths.count(1.0)
    assert sum(lengths) < 31 / 2
    assert planned_lengths("random", 5) == [1.0] * 5


def test_hyperband_trains_the_best_short_trial_longer(tmp_path):
    oracle = begun(tmp_path, "hyperband", 30)
    finish(oracle, oracle.create_trial("a"))
    scores = {}
    while True:
        trial = oracle.create_trial("a")
        x, epochs = trial.hyperparameters.get("x"), trial.hyperparameters.values[oracles.EPOCHS]
        if epochs > 1:
            break
        scores[x] = abs(x - 0.5)
        finish(oracle, trial, scores[x])
    assert (len(scores), epochs) == (9, 3)
    assert x == max(scores, key=scores.get)


def test_the_trial_of_a_silent_worker_is_run_again_and_nobody_is_sent_home_before(tmp_path):
    oracle = begun(tmp_path, trials=2)
    one, other = oracle.create_trial("one"), oracle.create_trial("other")
    finish(oracle, one)
    assert oracle.create_trial("one").status == "IDLE"  # the other's trial may come back
    assert oracle.give_up_silent_workers(silence=5) == []
    time.sleep(0.3)
    oracle.create_trial("one")
    assert oracle.give_up_silent_workers(silence=0.2) == ["other"]
    again = oracle.create_trial("one")
    assert (again.status, again.trial_id) == ("RUNNING", other.trial_id)
    assert again.hyperparameters.values == other.hyperparameters.values
    finish(oracle, again)
    assert oracle.create_trial("one").status == "STOPPED"
    assert not oracle.ongoing_trials
    assert not oracle.tuner_ids


def test_a_worker_that_gives_signs_of_life_keeps_its_trial(tmp_path):
    oracle = begun(tmp_path)
    trial = oracle.create_trial("busy")
    for _ in range(4):
        time.sleep(0.1)
        oracle.get_trial(trial.trial_id)
        assert oracle.give_up_silent_workers(silence=0.25) == []
    time.sleep(0.3)
    assert oracle.give_up_silent_workers(silence=0.25) == ["busy"]


def test_a_trial_that_keeps_losing_its_worker_fails_at_last(tmp_path):
    """One that exhausts the memory would otherwise kill worker after worker for ever."""
    oracle = begun(tmp_path, trials=1)
    for attempt in range(oracles.RETRIES + 1):
        trial = oracle.create_trial(f"worker {attempt}")
        assert trial.trial_id == "0"
        oracle.give_up_silent_workers(silence=-1)
    assert oracle.trials["0"].status == "FAILED"
    assert oracle.create_trial("next").status == "STOPPED"


@pytest.mark.parametrize("kept", [0, 10])
def test_a_kill_in_the_middle_of_a_write_loses_nothing(kept, tmp_path, monkeypatch):
    """What was there before is read again, whatever lies beside it."""
    oracle = begun(tmp_path)
    finish(oracle, oracle.create_trial("a"), 0.75)
    half = json.dumps(oracle.get_state())[:kept]

    def killed(path, write):
        path.with_name(f"partial-gcn-tf-0123abcd-{path.name}").write_text(half)
        raise KeyboardInterrupt

    monkeypatch.setattr(oracles, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        oracle.create_trial("a")
    monkeypatch.undo()
    again = begun(tmp_path)
    again.reload()
    assert [t.score for t in again.trials.values()] == [0.75]
    assert again.create_trial("a").status == "RUNNING"


@pytest.mark.parametrize("strategy", ["hyperband", "bayesian", "random"])
def test_a_kill_after_the_last_trial_has_ended_leaves_the_file_of_a_finished_search(strategy, tmp_path):
    """And not one that says that the trial runs; nothing would be written again."""
    oracle = begun(tmp_path, strategy, trials=1)
    finish(oracle, oracle.create_trial("a"))
    path = tmp_path / "oracle" / "oracle.json"
    killed = path.read_text()
    oracle.save()  # as the tuner does when the trial has gone
    assert json.loads(killed) == json.loads(path.read_text())


class Killed(BaseException):
    """In the place of SIGKILL."""


def sit(folder, strategy, writes):
    """Search, or go on, until all trials are done or the given number of files is written; returns those of the trials.

    As KerasTuner's loop does it: the oracle saves more often than once in a trial.
    """
    left = iter(range(writes))

    def write(path, state):
        if next(left, None) is None:
            raise Killed
        path.write_text(json.dumps(state))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracles, "_write_json", write)
        oracle = begun(folder, strategy)
        if (folder / "oracle" / "oracle.json").exists():
            oracle.reload()
        ended = []
        oracle.on_end = lambda trial: ended.append(trial.trial_id)
        while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
            assert not trial.metrics.exists("score")
            finish(oracle, trial, abs(trial.hyperparameters.get("x") - 0.5))
            oracle.save()
        assert len(ended) == len(set(ended))
        return {
            n: (oracle.trials[n].hyperparameters.values, oracle.trials[n].score) for n in oracle.start_order
        }


@pytest.mark.parametrize(
    "strategy", ["hyperband", pytest.param("bayesian", marks=pytest.mark.slow), "random"]
)
def test_a_search_killed_between_any_two_writes_has_the_same_trials(strategy, tmp_path):
    """As one that was never killed, in the same order; none ends twice."""
    whole = sit(tmp_path / "whole", strategy, 1000)
    assert len(whole) == 6
    for writes in range(1, 6 * 6):
        folder = tmp_path / str(writes)
        with contextlib.suppress(Killed):
            sit(folder, strategy, writes)
        assert list(sit(folder, strategy, 1000).items()) == list(whole.items()), writes


def test_a_trial_that_ended_is_not_run_again_when_its_chief_is_killed(tmp_path):
    """A chief writes no more after the end of a trial until it hands out the next."""
    chief = begun(tmp_path)
    finish(chief, chief.create_trial("a"))
    again = begun(tmp_path)
    again.reload()
    assert again.create_trial("b").trial_id == "1"


def test_a_trial_of_another_search_is_refused_by_its_file(tmp_path):
    one = begun(tmp_path)
    one.hyperparameters.Fixed(oracles.SETTINGS, "of one")
    finish(one, one.create_trial("a"))
    other = begun(tmp_path)
    other.hyperparameters.Fixed(oracles.SETTINGS, "of the other")
    with pytest.raises(
        UserError, match=r"oracle\.json is of other work \(tuner/settings: of one there, of the other now\)"
    ):
        other.reload()
    path = tmp_path / "oracle" / "trial_0" / "trial.json"
    path.write_text(path.read_text().replace("of one", "of a third"))
    again = begun(tmp_path)
    again.hyperparameters.Fixed(oracles.SETTINGS, "of one")
    with pytest.raises(
        UserError, match=r"trial_0/trial\.json is of other work .* delete the folder .*oracle"
    ):
        again.reload()
