"""The study of generators on toy networks: it is computed once, goes on, and its report says what was found."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gcn_tf.errors import ConfigError
from gcn_tf.pipelines.split import load_split
from gcn_tf.studies.generators.methods import contenders
from gcn_tf.studies.generators.report import DATA, IDENTITIES, charted, claims, verdict
from gcn_tf.studies.generators.run import has_collapsed, run_generators_study
from gcn_tf.studies.generators.study import GeneratorsStudy, Protocol
from gcn_tf.studies.generators.task import HOLDOUT, make_task


def test_a_part_of_the_pictures_has_every_value_and_no_unseen_cell(toy_config):
    dataset = load_split(toy_config).dataset
    whole, part = make_task(dataset, HOLDOUT, 3), make_task(dataset, HOLDOUT, 3, 0.125)
    given = part.given.rows(unseen=False)
    assert len(given) == round(0.125 * len(whole.given.rows(unseen=False)))
    for m, factor in enumerate(dataset.space):
        assert len(np.unique(part.given.ids[given, m])) == len(factor)
    assert np.array_equal(part.split.unseen, whole.split.unseen)
    assert {tuple(cell) for cell in part.given.ids[part.given.unseen]} == {
        tuple(cell) for cell in whole.split.ids[whole.split.unseen]
    }
    assert not part.split.unseen[part.rows].all()
    assert part.split.unseen[part.rows].sum() == part.split.unseen.sum()


def test_all_pictures_are_one_size(toy_config, tmp_path):
    study = GeneratorsStudy(toy_config, Protocol(shares=(1.0, 0.5), identities=(3,)), (0,), tmp_path)
    assert [(size.identities, size.share) for size in study.sizes] == [(0, 1.0), (0, 0.5), (3, 1.0)]


def test_another_seed_gives_other_pictures(toy_config):
    dataset = load_split(toy_config).dataset
    one, other = make_task(dataset, HOLDOUT, 0, 0.5), make_task(dataset, HOLDOUT, 1, 0.5)
    assert not np.array_equal(one.given.ids, other.given.ids)


def test_pictures_that_hardly_differ_have_collapsed():
    real = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), np.uint8)
    assert not has_collapsed(real, real[::-1])
    assert has_collapsed(real, np.repeat(real[:1], 8, axis=0))


def test_an_unknown_method_is_refused_with_the_nearest(toy_config):
    with pytest.raises(ConfigError, match=r"--methods cgam: no such method.*cgan"):
        contenders(toy_config, 1000, ("cgam",))


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high}


def test_the_verdict_names_what_is_better_outside_the_interval():
    minus = {name: {"unseen high-level": {"ssim": found}} for name, found in {
        "cvae": estimate(-0.2, -0.3, -0.1), "cgan": estimate(-0.1, -0.3, 0.1), "acgan": estimate(0.2, 0.1, 0.3)
    }.items()}  # fmt: skip
    told = verdict({"reference": "gcn", "reference_minus": minus})
    assert "*cvae* (SSIM)" in told
    assert "cgan" not in told.replace("*cvae*", "")
    assert "no other method" in verdict({"reference": "gcn", "reference_minus": {}})


def test_the_claim_says_how_many_pictures():
    found = {"identities": 0, "pictures": 120, "claim": {"gcn": "gcn", "gan": "acgan", "minus": {
        "unseen high-level": {"ssim": estimate(0.25, 0.2, 0.3)}}}}  # fmt: skip
    assert "120 pictures: *gcn* minus *acgan*: SSIM 0.25 (0.20 to 0.30)" in claims([found])[0]


@pytest.mark.long
def test_a_study_is_computed_once_and_reported(toy_config, tmp_path, monkeypatch):
    config = replace(toy_config, preset="")
    protocol = Protocol(("gcn", "cgan", "nearest cell"), budget=0.5, trials=1, shares=(0.25,))
    picture = run_generators_study(config, protocol, 1, tmp_path / "study")
    report = json.loads((tmp_path / "study" / "report.json").read_text())
    assert picture.exists()
    assert set(report["trainings"]) == {"gcn", "gcn, tuned", "cgan", "cgan, tuned", "nearest cell"}
    assert [found["pictures"] for found in report["sizes"]][1] < report["seen_pictures"]
    assert report["trainings"]["cgan"]["diversity"] > 0
    assert report["trainings"]["gcn"]["diversity"] is None
    assert 0 < report["trainings"]["cgan"]["parameters"] <= report["parameters_wanted"]
    monkeypatch.setattr("gcn_tf.studies.generators.run._compute", None)
    monkeypatch.setattr("gcn_tf.studies.generators.run._tune", None)
    run_generators_study(config, protocol, 1, tmp_path / "study")
    with pytest.raises(ConfigError, match="budget"):
        run_generators_study(config, replace(protocol, budget=2.0), 1, tmp_path / "study")


def test_shares_and_identities_have_a_chart_each():
    whole, half, thirty = (
        {"identities": identities, "share": share} for identities, share in ((0, 1.0), (0, 0.5), (30, 1.0))
    )
    assert charted([whole]) == {}
    assert charted([whole, half]) == {DATA: [whole, half]}
    assert charted([whole, thirty]) == {IDENTITIES: [whole, thirty]}
    assert charted([whole, half, thirty]) == {DATA: [whole, half], IDENTITIES: [whole, thirty]}
