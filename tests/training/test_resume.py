import dataclasses

import numpy as np
import pytest

from gcn_tf.cli import main
from gcn_tf.errors import ConfigError
from gcn_tf.runs.checkpoints import newest_step
from gcn_tf.runs.run_dir import open_run, read_run_config
from gcn_tf.training.resume import check_resume


def test_a_finished_run_says_so(toy_run, toy_config):
    config = read_run_config(toy_run)
    assert check_resume(toy_run, config) == ["finished at 24 of 24 steps; a larger --steps lengthens the run"]


def test_a_run_can_be_lengthened_but_not_shortened(toy_run):
    config = read_run_config(toy_run)
    (said,) = check_resume(toy_run, dataclasses.replace(config, steps=36))
    assert "lengthened from 24 to 36 steps; continues from step 24" in said
    assert "cosine now reaches zero at the new end" in said
    with pytest.raises(
        ConfigError, match="--steps 12: the run has 24, it can be lengthened but not shortened"
    ):
        check_resume(toy_run, dataclasses.replace(config, steps=12))


@pytest.mark.slow
def test_a_finished_run_trains_nothing_and_a_lengthened_one_trains_the_rest(
    toy_config_file, toy_judges, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    main(["train", "--config", str(toy_config_file), "--steps", "8", "--run-dir", "run"])
    before = (tmp_path / "run/report/report.json").read_bytes()
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr("gcn_tf.pipelines.split.load_dataset", None)  # not even the data are loaded
        main(["train", "--resume", "run"])
    assert "finished at 8 of 8 steps" in capsys.readouterr().out
    assert (tmp_path / "run/report/report.json").read_bytes() == before
    main(["train", "--resume", "run", "--steps", "12", "--dry-run"])
    assert "lengthened from 8 to 12 steps" in capsys.readouterr().out
    assert newest_step(tmp_path / "run/checkpoints") == 8
    main(["train", "--resume", "run", "--steps", "12"])
    assert (newest_step(tmp_path / "run/checkpoints"), read_run_config(tmp_path / "run").steps) == (12, 12)
    assert int(open_run("run").model.step) == 12


def test_the_dry_run_of_a_resume_checks_its_settings(toy_run, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--resume", str(toy_run), "--batch-size", "8", "--dry-run"])
    assert stop.value.code == 2
    assert "batch_size: 16 in the run, 8 now" in capsys.readouterr().err


def test_open_run_takes_a_string(toy_run):
    assert np.isfinite(open_run(str(toy_run)).model.generator.get_weights()[0]).all()
