import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from gcn_tf.config.files import resolve
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model.build import build_model
from gcn_tf.model.gcn import GCN
from gcn_tf.model.generator import Deconvolution, Upsampling

SPACE = FactorSpace((Factor("digit", ("0", "1", "2")), Factor("color", ("red", "green"))))
SMALL = Deconvolution(tower_units=4, trunk=(6,), seed_tensor=(7, 7, 2), upsampling=(Upsampling(3, 4, 4, 0),))
RNG = np.random.default_rng(0)
IDS = {"digit": RNG.integers(0, 3, 12).astype(np.int32), "color": RNG.integers(0, 2, 12).astype(np.int32)}
IMAGES = RNG.random((12, 28, 28, 3)).astype(np.float32)


def gcn(**settings) -> GCN:
    config = dataclasses.replace(
        resolve("qmnist"), precision="float32", generator=SMALL, steps=20, **settings
    )
    return build_model(config, SPACE, (28, 28, 3))


def moved(model, network, before):
    after = [v.numpy() for v in getattr(model, network).trainable_variables]
    return any(not np.array_equal(a, b) for a, b in zip(after, before, strict=True))


def weights(model, network):
    return [v.numpy() for v in getattr(model, network).trainable_variables]


@pytest.mark.parametrize(
    "settings, generator_moves, classifier_moves",
    [
        ({"cooperation": "joint"}, True, True),
        ({"cooperation": "joint", "classifier_learns_from": "generated"}, True, True),
        ({"cooperation": "joint", "classifier_learns_from": "both"}, True, True),
        ({"cooperation": "none"}, True, False),
        ({"cooperation": "frozen", "classifier_steps": 1}, False, True),
        ({"cooperation": "frozen", "classifier_steps": 0}, True, False),
    ],
)
def test_each_regime_trains_the_networks_it_says(settings, generator_moves, classifier_moves):
    model = gcn(**settings)
    before = {name: weights(model, name) for name in ("generator", "classifier")}
    logs = model.train_step((IDS, tf.constant(IMAGES)))
    assert moved(model, "generator", before["generator"]) == generator_moves
    assert moved(model, "classifier", before["classifier"]) == classifier_moves
    assert int(model.step) == 1
    assert all(np.isfinite(float(value)) for value in logs.values())


@pytest.mark.parametrize("cooperation", ["joint", "frozen", "none"])
def test_in_the_last_phase_the_classifier_alone_learns_in_every_regime(cooperation):
    model = gcn(cooperation=cooperation, classifier_share=6.0)
    model.step.assign(model.objective.main_steps)
    model.begin_last_phase()
    before = {name: weights(model, name) for name in ("generator", "classifier")}
    rates = []
    for _ in range(2):
        rates.append(float(model.classifier_optimizer.learning_rate))
        logs = model.train_step((IDS, tf.constant(IMAGES)))
    assert not moved(model, "generator", before["generator"])
    assert moved(model, "classifier", before["classifier"])
    assert set(logs) == {"classifier_loss"}
    assert rates[0] == pytest.approx(3e-3)
    assert 0 < rates[1] < rates[0]
    assert model.objective.last_steps == 120


def test_temperatures_divide_the_logits_and_change_no_decision():
    model = gcn()
    plain = {name: logits.numpy() for name, logits in model.classify(IMAGES).items()}
    model.temperatures["digit"].assign(2.0)
    cooled = model.classify(IMAGES)
    np.testing.assert_allclose(cooled["digit"], plain["digit"] / 2, rtol=1e-6)
    np.testing.assert_array_equal(cooled["color"], plain["color"])
    np.testing.assert_array_equal(cooled["digit"].numpy().argmax(axis=1), plain["digit"].argmax(axis=1))


def test_the_objective_is_equation_2_plus_the_imagined_cells():
    weights = {"pixel_weight": 2.0, "classification_weight": 3.0, "factor_weights": {}}
    model = gcn(**weights, imagined_share=0.5, imagined_weight=0.25, imagined_from=0.0, imagined_full=0.0)
    logs = {k: float(v) for k, v in model.train_step((IDS, tf.constant(IMAGES))).items()}
    expected = 2 * logs["pixel_loss"] + logs["classification_loss"] + 0.25 * logs["imagined_loss"]
    assert logs["generator_loss"] == pytest.approx(expected, rel=1e-5)
    untrained = 3.0 * (np.log(4) + np.log(3))  # every softmax near uniform, "imagined" among its classes
    assert logs["classification_loss"] == pytest.approx(untrained, rel=0.3)


def test_imagined_cells_grow_from_nothing_to_their_full_weight():
    model = gcn(imagined_from=0.25, imagined_full=0.75)  # of 20 steps
    assert model.objective.imagined_ramp == (5, 15)
    weights_at = {}
    for step in (0, 5, 10, 15, 19):
        model.step.assign(step)
        weights_at[step] = float(model.ramp())
    assert weights_at == {0: 0, 5: 0, 10: 0.5, 15: 1, 19: 1}


@pytest.mark.slow
def test_the_classifier_learns_to_distinguish_imagined_cells():
    """Its last class takes what the generator imagines, never a real picture."""
    model = gcn(imagined_class_weight=1.0, imagined_from=0.0, imagined_full=0.0, classifier_jitter=0.0)
    real, imagined = tf.constant(IMAGES), tf.constant(IMAGES[:6, ::-1] * 0.3)
    codes = model.encode(IDS)
    optimizer = keras.optimizers.Adam(3e-3)
    for _ in range(120):
        with tf.GradientTape() as tape:
            loss = model.classifier_objective(codes, [real], imagined)
        variables = model.classifier.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
    for name, size in model.factor_sizes.items():
        assert (tf.argmax(model.classifier(imagined)[name], axis=-1) == size).numpy().all()
        assert (tf.argmax(model.classifier(real)[name], axis=-1) != size).numpy().all()
        assert model.classify(real)[name].shape == (12, size)


def test_without_the_imagined_class_heads_have_the_factors_values_alone():
    model = gcn(imagined_class_weight=0.0)
    assert {name: head.shape[-1] for name, head in model.classifier.output.items()} == model.factor_sizes


def test_jitter_changes_what_the_classifier_sees_and_nothing_else():
    plain, jittered = gcn(classifier_jitter=0.0, seed=2), gcn(classifier_jitter=1.0, seed=2)
    logs = [m.generator_objective(m.encode(IDS), tf.constant(IMAGES))[2] for m in (plain, jittered)]
    assert float(logs[0]["pixel_loss"]) == pytest.approx(float(logs[1]["pixel_loss"]))
    images = tf.constant(IMAGES)
    assert plain.seen_by_classifier(images, 0) is images
    assert np.abs(jittered.seen_by_classifier(images, 0) - images).max() > 0.1
    assert np.abs(jittered.seen_by_classifier(images, 0) - jittered.seen_by_classifier(images, 1)).max() > 0.1


def test_without_cooperation_the_objective_is_the_pixel_loss():
    logs = gcn(cooperation="none").train_step((IDS, tf.constant(IMAGES)))
    assert float(logs["generator_loss"]) == pytest.approx(float(logs["pixel_loss"]))
    assert "imagined_loss" not in logs


@pytest.mark.parametrize("source", ["real", "generated", "both"])
def test_the_classifier_learns_from_the_images_it_is_told_to(source):
    model = gcn(classifier_learns_from=source)
    real, drawn = tf.constant(IMAGES), tf.constant(IMAGES[::-1] * 3 - 1)
    seen = model._classifier_images(real, tf.clip_by_value(drawn, 0.0, 1.0))
    assert len(seen) == (2 if source == "both" else 1)
    if source != "generated":
        np.testing.assert_array_equal(seen[0], real)
    if source != "real":
        np.testing.assert_array_equal(seen[-1], np.clip(drawn, 0, 1))


def test_imagined_cells_are_a_function_of_seed_and_step():
    def drawn(seed, step):
        model = gcn(seed=seed, imagined_share=40.0)
        model.step.assign(step)
        return np.stack([np.asarray(ids) for ids in model.imagined_cells(tf.constant(8)).values()], axis=1)

    assert drawn(1, 5).shape == (320, 2)
    np.testing.assert_array_equal(drawn(1, 5), drawn(1, 5))
    assert not np.array_equal(drawn(1, 5), drawn(1, 6))
    assert not np.array_equal(drawn(1, 5), drawn(2, 5))
    assert len(np.unique(drawn(1, 5), axis=0)) == SPACE.cell_count


def test_the_graph_step_equals_the_eager_one():
    eager, graph = gcn(seed=3), gcn(seed=3)
    compiled = tf.function(graph.train_step)
    for _ in range(3):
        eager.train_step((IDS, tf.constant(IMAGES)))
        compiled(({k: tf.constant(v) for k, v in IDS.items()}, tf.constant(IMAGES)))
    for a, b in zip(weights(eager, "generator"), weights(graph, "generator"), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_fit_evaluate_predict_and_keras_callbacks_work(tmp_path):
    model = gcn()
    data = tf.data.Dataset.from_tensor_slices((IDS, IMAGES)).batch(4)
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ReduceLROnPlateau(monitor="pixel_loss", mode="min"),
        keras.callbacks.EarlyStopping(monitor="val_psnr_db", mode="max", patience=5),
        keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", monitor="val_pixel_loss", mode="min", save_best_only=True
        ),
    ]
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    history = model.fit(data, validation_data=data, epochs=3, verbose=0, callbacks=callbacks).history
    assert history["val_pixel_loss"][-1] < history["val_pixel_loss"][0]
    scores = model.evaluate(data, verbose=0, return_dict=True)
    assert {"pixel_loss", "psnr_db", "digit_accuracy", "color_accuracy"} <= set(scores)
    images = model.predict(data.map(lambda ids, image: ids), verbose=0)
    assert images.shape == IMAGES.shape
    assert images.min() >= 0
    assert images.max() <= 1
    assert (tmp_path / "best.keras").exists()


def test_evaluate_averages_over_batches_of_different_size():
    model = gcn()
    whole, parts = (tf.data.Dataset.from_tensor_slices((IDS, IMAGES)).batch(n) for n in (12, 5))
    a, b = (model.evaluate(data, verbose=0, return_dict=True) for data in (whole, parts))
    for name in a:
        assert a[name] == pytest.approx(b[name], rel=1e-4)


def test_a_model_survives_its_keras_file_with_both_optimizers_and_trains_on(tmp_path):
    model = gcn()
    batch = ({k: tf.constant(v) for k, v in IDS.items()}, tf.constant(IMAGES))
    for _ in range(3):
        model.train_step(batch)
    model.save(tmp_path / "gcn.keras")
    loaded = keras.saving.load_model(tmp_path / "gcn.keras")
    assert isinstance(loaded, GCN)
    np.testing.assert_array_equal(loaded.predict(IDS, verbose=0), model.predict(IDS, verbose=0))
    assert int(loaded.step) == 3
    assert int(loaded.classifier_optimizer.iterations) == 3 == int(loaded.optimizer.iterations)
    for name in ("optimizer", "classifier_optimizer"):
        slots = [[v.numpy() for v in getattr(m, name).variables] for m in (model, loaded)]
        for a, b in zip(*slots, strict=True):
            np.testing.assert_array_equal(a, b)
    loaded.train_step(batch)
    assert int(loaded.step) == 4


def test_blends_and_cells_go_through_the_same_call():
    model = gcn()
    one_hot = {"digit": np.eye(3, dtype=np.float32)[[1]], "color": np.eye(2, dtype=np.float32)[[0]]}
    ids = {"digit": np.array([1]), "color": np.array([0])}
    np.testing.assert_array_equal(model(ids), model(one_hot))
    half = {**one_hot, "digit": np.array([[0.5, 0.5, 0]], np.float32)}
    assert not np.allclose(model(half), model(one_hot))
