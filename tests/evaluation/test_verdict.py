"""The sentence that a report says of a group of cells."""

from typing import Any

import pytest

from gcn_tf.evaluation.verdict import verdicts

LOW, HIGH, SEEN = "unseen low-level", "unseen high-level", "seen"


def figure(value: float, half: float = 0.01) -> dict[str, float | None]:
    return {"value": value, "low": value - half, "high": value + half}


def scores(psnr: float, ssim: float, *accuracies: float, sharpness: float = 1.0) -> dict[str, Any]:
    judges = ("convolutional", "hog")
    named = {f"all_factors_accuracy/{judge}": figure(v) for judge, v in zip(judges, accuracies, strict=False)}
    return {
        "psnr_db": figure(psnr, 1),
        "ssim": figure(ssim),
        "sharpness": figure(sharpness),
        **named,
    }


def made(
    own: dict[str, Any], baselines: dict[str, Any] | None = None, real: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What report.json holds of unseen high-level cells."""
    return {
        "scores": {HIGH: own},
        "baselines": {name: {"scores": {HIGH: found}} for name, found in (baselines or {}).items()},
        "real_repeats": {HIGH: real} if real else {},
        "judges": {name: {"unrecognised_factors": []} for name in ("convolutional", "hog")},
    }


def verdict(*args: Any) -> str:
    return verdicts(made(*args))[HIGH]


def test_both_judges_are_heard():
    text = verdict(scores(20, 0.8, 0.97, 0.94))
    assert text.startswith(
        "Classified correctly in all factors: 97 % (convolutional judge), 94 % (hog judge)"
    )


def test_each_metric_meets_the_baseline_that_is_best_at_it():
    text = verdict(
        scores(20, 0.8, 0.97, 0.94),
        {"mean over digit": scores(12, 0.9, 0.2, 0.1), "additive": scores(16, 0.5, 0.4, 0.3)},
    )
    assert (
        "compared with the best baseline: better in PSNR and the accuracies of both judges, worse in SSIM (0.800 "
        "against 0.900, mean over digit);" in text
    )


def test_what_is_better_in_everything_is_said_once():
    text = verdict(scores(20, 0.8, 0.97, 0.94), {"additive": scores(16, 0.5, 0.4, 0.3)})
    assert "compared with the best baseline: better in everything;" in text


def test_overlapping_intervals_decide_nothing():
    text = verdict(scores(20, 0.8), {"additive": scores(18.5, 0.79)})
    assert "no clear difference in anything" in text
    assert "better" not in text
    assert "worse" not in text


def test_a_baseline_whose_interval_is_above_is_called_better_than_the_run():
    assert "worse in PSNR (16.0 dB against 19.0 dB, additive)" in verdict(
        scores(16, 0.8), {"additive": scores(19, 0.8)}
    )


def test_an_average_that_beats_the_run_is_called_blurred():
    beaten = verdict(scores(16, 0.8), {"additive": scores(19, 0.8, sharpness=0.1)})
    assert "16.0 dB against 19.0 dB, additive, blurred" in beaten
    as_blurred = verdict(scores(16, 0.8, sharpness=0.1), {"additive": scores(19, 0.8, sharpness=0.1)})
    assert "blurred" not in as_blurred
    assert "blurred" not in verdict(scores(25, 0.9), {"additive": scores(19, 0.8, sharpness=0.1)})


def test_another_real_picture_is_beside_the_run():
    text = verdict(scores(16, 0.8, 0.9, 0.2), None, scores(19, 0.7, 0.9, 0.6))
    assert "no baseline to compare with" in text
    assert (
        "compared with another real picture: better in SSIM, worse in PSNR (16.0 dB against "
        "19.0 dB) and accuracy of the hog judge (20 % against 60 %), no clear difference in accuracy of the convolutional judge"
        in text
    )


def test_a_factor_that_a_judge_does_not_recognise_is_named():
    report = made(scores(20, 0.8, 0.97, 0.94))
    report["judges"]["hog"]["unrecognised_factors"] = ["writer", "color"]
    assert "94 % (hog judge, writer and color left out)" in verdicts(report)[HIGH]


def test_a_judge_that_recognises_nothing_says_nothing():
    report = made(scores(20, 0.8, 0.97), {"additive": scores(12, 0.3, 0.2)})
    report["judges"]["hog"]["unrecognised_factors"] = ["digit", "writer"]
    text = verdicts(report)[HIGH]
    assert "unknown (hog judge, which recognises no factor)" in text
    assert "accuracy of the hog judge" not in text


def test_seen_cells_have_their_figures_alone():
    report = {"scores": {SEEN: scores(38, 0.99, 1.0, 0.996)}, "judges": {"convolutional": {}, "hog": {}}}
    assert verdicts(report) == {
        SEEN: "Classified correctly in all factors: 100 % (convolutional judge), over 99 % (hog judge); "
        "PSNR 38.0 dB, SSIM 0.990."
    }


def test_a_single_base_image_has_no_interval():
    alone = {"psnr_db": {"value": 20.0, "low": None, "high": None}}
    assert "undecided (too few base images for an interval) in PSNR (20.0 dB against 10.0 dB" in verdict(
        alone, {"additive": {"psnr_db": figure(10.0)}}
    )


@pytest.mark.parametrize("group", [LOW, HIGH])
def test_baselines_of_other_groups_are_not_used(group):
    report = made(scores(20, 0.8), {"additive": scores(12, 0.3)})
    report["scores"] = {group: scores(20, 0.8)}
    assert ("no baseline to compare with" in verdicts(report)[group]) == (group == LOW)


def test_every_group_has_one_sentence_in_the_order_of_the_scores():
    report = {"scores": {name: scores(20, 0.8) for name in (SEEN, LOW, HIGH)}}
    found = verdicts(report)
    assert list(found) == [SEEN, LOW, HIGH]
    assert all(text.endswith(".") and "\n" not in text and ". " not in text for text in found.values())
