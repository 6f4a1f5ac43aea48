import dataclasses

import numpy as np
import pytest

from gcn_tf.runs.checkpoints import CheckpointStore, checkpoint_paths, newest_step
from gcn_tf.runs.run_dir import open_run
from gcn_tf.training.calibration import spared_base_images
from gcn_tf.training.fit import fit
from gcn_tf.training.resume import check_resume
from gcn_tf.training.scoring import Evaluation

MAIN, LAST = 24, 100


def weights(parts):
    return [np.asarray(v) for v in parts]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@pytest.fixture(scope="module")
def config(toy_config):
    return dataclasses.replace(
        toy_config, classifier_share=LAST / MAIN, classifier_mixup=0.4, checkpoint_steps=16, image_steps=100
    )


@pytest.fixture(scope="module", autouse=True)
def _few_are_enough():
    """A toy can spare six base images to calibrate, and has learned hardly anything."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LEAST_HELD_OUT": 3, "LEARNED": -10.0, "LOWEST": 0.0}.items():
            patch.setattr(f"gcn_tf.training.calibration.{name}", value)
        yield


@pytest.fixture(scope="module")
def trained(config, start_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("last") / "run"
    fit(start_run(config, folder), folder)
    return folder


def test_a_few_steps_have_no_last_phase(toy_config):
    assert toy_config.classifier_share > 0
    assert (toy_config.main_steps, toy_config.last_steps, toy_config.total_steps) == (24, 0, 24)
    frozen = dataclasses.replace(toy_config, cooperation="frozen", classifier_steps=6, classifier_share=5.0)
    assert (frozen.main_steps, frozen.last_steps, frozen.total_steps) == (30, 120, 150)


@pytest.mark.slow
def test_the_last_phase_trains_the_classifier_and_leaves_the_generator_to_the_bit(trained, toy_run):
    after, before = open_run(trained).model, open_run(toy_run).model
    assert (int(after.step), int(before.step)) == (MAIN + LAST, MAIN)
    assert same(after.generator.variables, before.generator.variables)
    assert same(after.optimizer.variables, before.optimizer.variables)
    assert not same(after.classifier.trainable_variables, before.classifier.trainable_variables)


@pytest.mark.slow
def test_mixup_changes_the_last_phase_alone(trained, config, start_run, tmp_path):
    fit(start_run(dataclasses.replace(config, classifier_mixup=0.0), tmp_path / "run"), tmp_path / "run")
    mixed, plain = open_run(trained).model, open_run(tmp_path / "run").model
    assert same(mixed.generator.variables, plain.generator.variables)
    assert not same(mixed.classifier.trainable_variables, plain.classifier.trainable_variables)
    before, as_well = (open_run(run, f"step-{MAIN:08d}.npz").model for run in (trained, tmp_path / "run"))
    assert same(before.classifier.trainable_variables, as_well.classifier.trainable_variables)


@pytest.mark.slow
def test_the_temperatures_are_set_after_the_last_step_and_kept(trained, config):
    model = open_run(trained).model
    values = [float(value) for value in model.temperatures.values()]
    assert all(0 < value != 1 for value in values)
    before = open_run(trained, f"step-{112:08d}.npz").model
    assert [float(value) for value in before.temperatures.values()] == [1, 1, 1, 1]
    images = np.random.default_rng(0).random((4, 28, 28, 3)).astype(np.float32)
    for name, logits in model.classify(images).items():
        plain = model.classifier(images)[name][:, : model.factor_sizes[name]]
        np.testing.assert_allclose(logits * model.temperatures[name].value, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_run_killed_in_the_last_phase_goes_on_to_the_same_bits(
    trained, config, start_run, tmp_path, monkeypatch
):
    original = Evaluation.step

    def step(self, step, logs):
        original(self, step, logs)
        if step == 40:
            raise RuntimeError("killed")

    folder = tmp_path / "run"
    prepared = start_run(config, folder)
    with monkeypatch.context() as patch:
        patch.setattr(Evaluation, "step", step)
        with pytest.raises(RuntimeError, match="killed"):
            fit(prepared, folder)
    assert newest_step(folder / "checkpoints") == 32
    assert same(fit(prepared, folder).all_variables, open_run(trained).model.all_variables)
    assert (folder / "metrics.jsonl").read_text() == (trained / "metrics.jsonl").read_text()


@pytest.mark.long
def test_a_lengthened_run_goes_on_where_its_generator_was_finished(trained, config, start_run, tmp_path):
    assert MAIN in [int(path.stem[5:]) for path in checkpoint_paths(trained / "checkpoints")]
    longer = dataclasses.replace(config, steps=MAIN + 1, classifier_share=LAST / (MAIN + 1))
    (said,) = check_resume(trained, dataclasses.replace(config, steps=MAIN + 1))
    assert f"lengthened from {MAIN} to {MAIN + 1} steps; continues from step {MAIN}" in said
    model = open_run(trained).model
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for path in checkpoint_paths(trained / "checkpoints"):
        (folder / path.name).write_bytes(path.read_bytes())
    store = CheckpointStore(model, folder, None, longer.total_steps, main_steps=longer.main_steps)
    store.go_back_to_lengthen()
    assert newest_step(folder) == MAIN


@pytest.mark.slow
def test_a_checkpoint_of_before_has_no_temperatures_and_opens(trained, tmp_path):
    model = open_run(trained).model
    store = CheckpointStore(model, tmp_path)
    store.variables = store.variables[: -store.later]
    store.save(124)
    CheckpointStore(model, tmp_path).restore()
    assert [float(value) for value in model.temperatures.values()] == [1, 1, 1, 1]


def test_every_value_is_still_seen_without_the_base_images_that_are_spared(start_run, config, tmp_path):
    split = start_run(config, tmp_path / "run").split
    spared = spared_base_images(split, seed=0)
    assert len(spared) == 6
    left = split.ids[~split.unseen & ~np.isin(split.base, spared)]
    for m, factor in enumerate(split.dataset.space):
        assert set(left[:, m]) == set(range(len(factor)))
