import shutil

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from gcn_tf.config.schema import to_dict
from gcn_tf.evaluation.board import final_scores, hyperparameters, write_board
from gcn_tf.evaluation.report import evaluate, read_report
from gcn_tf.evaluation.scores import score_cells
from gcn_tf.evaluation.verdict import verdicts
from gcn_tf.evaluation.verify import verify
from gcn_tf.reporting.events import PREFIX
from gcn_tf.runs.run_dir import open_run


class NoJudge:
    """Takes every picture for the first cell."""

    name = "hog"

    def __init__(self, names):
        self.recognised = names

    def classify(self, images):
        return {name: np.zeros(len(images), np.int32) for name in self.recognised}

    def features(self, images):
        return np.zeros((len(images), 20))


@pytest.fixture(scope="module")
def written(toy_run, tmp_path_factory):
    """What a report of a run writes for TensorBoard, without training judges: folder, report and scored pictures."""
    folder = tmp_path_factory.mktemp("runs") / "report"
    run = open_run(toy_run)
    split = run.load_split()
    generated = np.random.default_rng(0).integers(0, 256, (len(split.ids), 28, 28, 3)).astype(np.uint8)
    scored = score_cells(split, generated, (NoJudge(split.dataset.space.names),))
    scores = {"unseen low-level": {"psnr_db": {"value": 12.5, "low": 12.0, "high": 13.0}}}
    report = {"run": "toy", "steps": 24, "config": to_dict(run.config), "scores": scores}
    write_board(run, report, scored, folder)
    return folder, report, scored


def summaries(folder):
    """Values by tag and their steps, of the only event file."""
    (path,) = folder.glob(f"{PREFIX}*")
    events = [tf.compat.v1.Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(path))]
    return {value.tag: (value, event.step) for event in events for value in event.summary.value}


def test_a_report_shows_its_verdict_and_scores(written):
    folder, report, _ = written
    found = summaries(folder)
    text, step = found["report/verdict"]
    assert verdicts(report)["unseen low-level"] in text.tensor.string_val[0].decode()
    assert step == 24
    assert float(tf.make_ndarray(found["report/unseen low-level PSNR (dB)"][0].tensor)) == 12.5


def test_hyperparameters_are_the_settings_of_the_run_by_flag(written):
    folder, report, _ = written
    value, _ = summaries(folder)[metadata.SESSION_START_INFO_TAG]
    start = metadata.parse_session_start_info_plugin_data(value.metadata.plugin_data.content)
    assert start.group_name == "toy"
    assert start.hparams["batch-size"].number_value == 16
    assert start.hparams["steps"].number_value == 24
    assert start.hparams["generator"].string_value == "deconvolution"
    assert set(start.hparams) == set(hyperparameters(report))
    assert not {"data-dir", "log-steps", "image-steps"} & set(start.hparams), "they make no other run"


def test_codes_have_a_generated_picture_of_every_value(written):
    folder, _, scored = written
    config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
    entries = {entry.tensor_name: entry for entry in config.embeddings}
    assert list(entries) == ["digit", "writer", "color", "rotation"]
    assert (folder / entries["digit"].metadata_path).read_text().split() == [str(n) for n in range(10)]
    sprite = np.asarray(Image.open(folder / entries["digit"].sprite.image_path))
    row = np.flatnonzero((scored.ids == [5, 0, 0, 0]).all(axis=1))[0]
    np.testing.assert_array_equal(sprite[28:56, 28:56], scored.generated[row])  # the sixth of four in a row


def test_scores_of_unseen_cells_and_every_judge_are_final():
    by = {"psnr_db": {"value": 1.0}, "ssim": {"value": 2.0}, "all_factors_accuracy/hog": {"value": 0.5}}
    scores = {"seen": by, "unseen low-level": by}
    assert final_scores({"scores": scores}) == {
        "unseen low-level PSNR (dB)": 1.0,
        "unseen low-level accuracy (hog judge)": 0.5,
    }
    assert list(final_scores({"scores": {"seen": by}})) == ["seen PSNR (dB)", "seen accuracy (hog judge)"]


@pytest.mark.slow
def test_a_run_that_is_evaluated_twice_is_shown_once(toy_run, toy_judges, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(toy_run, run)
    for _ in range(2):
        evaluate(run)
        found = summaries(run / "report")
    assert found["report/verdict"][0].tensor.string_val[0].decode().count("- **") == 2
    scores = final_scores(read_report(run))
    assert {f"report/{name}" for name in scores} <= set(found)
    verify(run)
