import json
import re
import shutil

import pytest

from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.evaluation.report import evaluate, finished_report, read_stamp
from gcn_tf.evaluation.verify import verify
from gcn_tf.files import unfinished

pytestmark = pytest.mark.usefixtures("toy_judges")


@pytest.fixture
def run(reported_run, tmp_path):
    return shutil.copytree(reported_run, tmp_path / "toy")


def test_a_whole_run_is_said_to_be_whole(run, capsys):
    main(["evaluate", str(run), "--verify"])
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 9
    assert {
        "settings and factors: those of the training",
        "checkpoints/step-00000024.npz: whole, of step 24",
        "metrics.jsonl: as it was at step 24",
        "model/: whole, of step 24",
        "report/: whole, of step 24",
    } <= set(said)
    assert re.fullmatch(r"checkpoints/best.npz: whole, of step \d+", said[4])
    assert re.fullmatch(r"pictures: those of the training, \d+ cells seen and \d+ unseen", said[-1])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("checkpoints/step-00000008.npz", "is damaged"),
        ("model/variables/variables.data-00000-of-00001", "is not as it was written"),
        ("report/cells.csv", "is not as it was written"),
        ("report/cells.png", "is not as it was written"),
    ],
)
def test_a_flipped_bit_is_found(name, said, run):
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    with pytest.raises(UserError, match=f"1 of 8 parts are not as they were written: .*{name}.*{said}"):
        verify(run, lambda line: None)


def test_several_wrong_parts_are_all_named(run):
    (run / "report/cells.csv").unlink()
    (run / "model/saved_model.pb").write_bytes(b"")
    with pytest.raises(UserError, match=r"2 of 8 parts .*saved_model.pb is not as it was written.*cells.csv"):
        verify(run, lambda line: None)


def test_a_finished_run_has_nothing_left_to_do(run, toy_config):
    assert finished_report(run, toy_config) == run / "report/cells.png"


def test_what_the_last_kill_of_a_finished_run_left_goes_when_it_is_resumed(run, capsys):
    """The lock, and the report before, which a lengthened run replaces."""
    before = sorted(path.name for path in run.iterdir())
    (run / ".lock").write_text("1")
    shutil.copytree(run / "report", unfinished(run / "report"))
    main(["train", "--resume", str(run)])
    assert "finished at 24 of 24 steps" in capsys.readouterr().out
    assert sorted(path.name for path in run.iterdir()) == before


@pytest.mark.parametrize(
    "name", ["report/cells.csv", "report/identity.json", "model/saved_model.pb", "model"]
)
def test_a_run_that_lost_a_part_is_not_finished(name, run, toy_config):
    if (run / name).is_dir():
        shutil.rmtree(run / name)
    else:
        (run / name).write_bytes((run / name).read_bytes()[:100])
    assert finished_report(run, toy_config) is None


@pytest.mark.long
def test_the_report_is_replaced_as_one_and_keeps_what_users_put_there(run, monkeypatch):
    (run / "report/notes.txt").write_text("mine")
    (run / "report/stale.png").write_text("of a report before")
    stamp = json.loads((run / "report/identity.json").read_text())
    stamp["files"]["stale.png"] = [18, ""]
    (run / "report/identity.json").write_text(json.dumps(stamp))
    evaluate(run)
    assert (run / "report/notes.txt").read_text() == "mine"
    assert not (run / "report/stale.png").exists()
    assert "notes.txt" not in read_stamp(run / "report").files
    assert not list(run.glob("partial-*"))
    before = files(run / "report")

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("gcn_tf.evaluation.report.write_documents", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate(run)
    assert files(run / "report") == before


def files(folder):
    """Their bytes by path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (
            lambda run: (run / "checkpoints/step-00000024.npz").unlink(),
            "model is of weights that the run no longer has",
        ),
        (lambda run: shutil.rmtree(run / "model"), "model is missing: gcn-tf train --resume"),
        (lambda run: (run / "metrics.jsonl").unlink(), "metrics.jsonl is missing, or not the log"),
        (
            lambda run: (run / "metrics.jsonl").unlink() or (run / "metrics.jsonl").mkdir(),
            "cannot read .*metrics.jsonl",
        ),
    ],
)
def test_lost_and_stale_parts_are_found(harm, said, run):
    harm(run)
    with pytest.raises(UserError, match=said):
        verify(run, lambda line: None)


def test_a_run_that_is_to_be_lengthened_is_said_so(run):
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("steps: 24", "steps: 40", 1))
    said = []
    verify(run, said.append)
    assert said[0] == "settings and factors: those of the training; to be lengthened from 24 to 40 steps"


@pytest.mark.slow
def test_folders_and_links_that_users_put_into_the_report_stay(run):
    (run / "report/notes").mkdir()
    (run / "report/notes/n.txt").write_text("mine")
    (run / "report/link").symlink_to("nowhere")
    evaluate(run)
    assert (run / "report/notes/n.txt").read_text() == "mine"
    assert (run / "report/link").is_symlink()
