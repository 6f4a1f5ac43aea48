from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gcn_tf.config.schema import RunConfig
from gcn_tf.tuning.config import Search
from gcn_tf.tuning.report import IMPORTANCE_FROM, importances, write_report
from gcn_tf.tuning.space import Choices, Range
from gcn_tf.tuning.trials import Trial, best_trial

SPACE = {
    "learning_rate": Range(1e-4, 1e-2, True),
    "schedule": Choices(("cosine", "constant")),
    "beta_2": Choices((0.99,)),
}


def made_up(count, steps=(600,)):
    """Trials whose score is the learning rate's place in its range; the schedule does not matter."""
    rng = np.random.default_rng(0)
    trials = []
    for n, place in enumerate(rng.random(count)):
        values = {"learning_rate": float(1e-4 * 100**place), "schedule": ("cosine", "constant")[n % 2]}
        metrics = {
            "score": float(place),
            "accuracy": float(place),
            "psnr_db": 20.0,
            "steps": steps[n % len(steps)],
        }
        trials.append(Trial(str(n), "COMPLETED", {**values, "beta_2": 0.99}, metrics, ""))
    return trials


def test_a_setting_that_matters_is_distinguished_from_one_that_does_not():
    found, explained = importances(made_up(40), SPACE)
    assert list(found) == ["learning_rate", "schedule"]
    assert found["learning_rate"][0] > 10 * abs(found["schedule"][0])
    assert explained > 0.7
    assert importances(made_up(IMPORTANCE_FROM - 1), SPACE) is None


def test_the_best_trial_is_one_of_full_length():
    short, full = made_up(2)
    short.metrics.update(steps=60, score=9.0)
    assert best_trial([short, full]) is full


@pytest.mark.parametrize(("count", "sections"), [(1, 0), (3, 1), (24, 2)])
def test_a_report_shows_what_enough_trials_can_tell(count, sections, tmp_path, monkeypatch):
    trials = made_up(count, (600, 200))
    monkeypatch.setattr("gcn_tf.tuning.report.trials_of", lambda oracle, space: trials)
    search = Search(RunConfig(), {}, count, "random", ("low-level",), 0.01, 1, None, tmp_path)
    assert write_report(search, SPACE, SimpleNamespace()).exists()
    text = (tmp_path / "report.md").read_text()
    assert ("## Choices and scores" in text) == (sections > 0)
    assert ("## Which choices mattered" in text) == (sections > 1)
    for name, there in (("parallel.png", sections > 0), ("importance.png", sections > 1)):
        assert (tmp_path / name).exists() == there
        if there:
            assert Image.open(tmp_path / name).size[0] > 300
    if sections > 1:
        assert "The length of a trial, which is no choice, is left out" in text
