import json

import numpy as np
from PIL import Image

from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.metrics.intervals import Estimate
from gcn_tf.reporting.charts import write_confusion_chart, write_curves_chart, write_methods_chart


def drawn(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_the_methods_chart_shows_where_a_method_stands(tmp_path):
    def chart(value):
        scores = {"pixel": {"seen": {"psnr_db": Estimate(10, 9, 11)}}}
        scores["preset"] = {"seen": {"psnr_db": Estimate(value, np.nan, np.nan)}}
        return drawn(write_methods_chart(scores, [("psnr_db", "PSNR"), ("ssim", "SSIM")], tmp_path / "m.png"))

    assert (chart(20) != chart(40)).any()
    assert (chart(20) == chart(20)).all()


def test_the_confusion_chart_colors_what_was_read(tmp_path):
    space = FactorSpace((Factor("digit", ("0", "1")), Factor("writer", ("a", "b"))))
    right = {"digit": [[5, 0], [0, 5]], "writer": [[5, 0], [0, 5]]}
    wrong = {"digit": [[5, 0], [0, 5]], "writer": [[0, 5], [5, 0]]}
    charts = [
        drawn(write_confusion_chart({"hog": t}, space, tmp_path / "c.png")) for t in (right, right, wrong)
    ]
    assert (charts[0] == charts[1]).all()
    assert (charts[0] != charts[2]).any()


def test_curves_need_a_log(tmp_path):
    assert not write_curves_chart(tmp_path / "absent.jsonl", tmp_path / "curves.png")
    lines = [{"step": n, "train/generator_loss": 9.0 / n, "unseen/psnr_db": 10.0 + n} for n in (1, 2, 3)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert write_curves_chart(tmp_path / "metrics.jsonl", tmp_path / "curves.png")
    assert drawn(tmp_path / "curves.png").std() > 5
