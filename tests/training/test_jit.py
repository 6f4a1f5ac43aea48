"""XLA: used on a GPU where it is measured to be faster, and a step that runs whole on one device."""

from dataclasses import replace

import pytest
import tensorflow as tf

from gcn_tf.api.training import train_run
from gcn_tf.config.files import read_config
from gcn_tf.config.kept import differing_settings, settings_digest
from gcn_tf.runs.identity import Identity
from gcn_tf.training import jit as module
from gcn_tf.training.jit import SHORT, resolve_jit, use_jit, with_jit
from gcn_tf.training.prepare import prepare

LONG = 10_000_000  # steps


@pytest.fixture(scope="module")
def prepared(toy_config):
    return prepare(replace(toy_config, jit="auto", steps=LONG))


@pytest.fixture
def chosen(monkeypatch):
    """What TensorFlow is told, as if there was a GPU."""
    told = []
    monkeypatch.setattr(module, "has_gpu", lambda: True)
    monkeypatch.setattr(tf.config.optimizer, "set_jit", told.append)
    return told


@pytest.mark.parametrize(
    "without, joined, jit",
    [(0.02, 0.01, "always"), (0.0111, 0.01, "always"), (0.0105, 0.01, "never"), (0.01, 0.02, "never")],
)
def test_auto_is_what_is_measured_to_be_faster(without, joined, jit):
    found, why = resolve_jit(LONG, {"never": without, "always": joined}.__getitem__)
    assert found == jit
    assert f"{joined * 1000:.3g} ms a step with it, {without * 1000:.3g} ms without" in why


def test_a_short_training_does_not_wait_for_the_compiler():
    timed = []
    found, why = resolve_jit(100, lambda jit: timed.append(jit) or SHORT / 101)
    assert (found, timed) == ("never", ["never"])
    assert "too few" in why


def test_what_xla_cannot_do_is_done_without_it():
    def seconds(jit):
        if jit == "always":
            raise tf.errors.InvalidArgumentError(None, None, "no such\nkernel")
        return 1.0

    assert resolve_jit(LONG, seconds) == ("never", "XLA is not used: no such kernel")


def test_without_a_gpu_nothing_is_timed_and_nothing_is_changed(prepared, monkeypatch):
    monkeypatch.setattr(module, "seconds_per_step", None)
    monkeypatch.setattr(tf.config.optimizer, "set_jit", None)
    said = []
    for jit in ("auto", "always", "never"):
        use_jit(jit)
    assert with_jit(prepared, False, said.append).config.jit == "never"
    assert not said


def test_a_new_run_on_a_gpu_times_both_and_keeps_what_it_picked(prepared, chosen, monkeypatch, tmp_path):
    seconds = iter([0.03, 0.01])
    monkeypatch.setattr(module, "seconds_per_step", lambda prepared: next(seconds))
    said = []
    found = with_jit(prepared, False, said.append)
    assert found.config.jit == "always"
    assert chosen == [False, "autoclustering"]
    assert said == ["XLA is used: 10 ms a step with it, 30 ms without"]
    assert with_jit(found, True, said.append) is found


def test_a_run_that_began_without_it_goes_on_without_it(prepared, chosen, monkeypatch):
    monkeypatch.setattr(module, "seconds_per_step", None)
    assert with_jit(prepared, True, print).config.jit == "never"


def test_training_tells_tensorflow(chosen):
    for jit in ("always", "never", "auto"):
        use_jit(jit)
    assert chosen == ["autoclustering", False, False]


def test_a_run_records_what_was_picked(toy_config, chosen, monkeypatch, tmp_path):
    def stop(*words, **options):
        raise KeyboardInterrupt

    seconds = iter([0.03, 0.01])
    monkeypatch.setattr(module, "seconds_per_step", lambda prepared: next(seconds))
    monkeypatch.setattr("gcn_tf.api.training.fit", stop)
    with pytest.raises(KeyboardInterrupt):
        train_run(replace(toy_config, steps=LONG), tmp_path / "run", print)
    assert read_config(tmp_path / "run" / "config.yaml").jit == "always"


def test_work_that_began_with_it_may_go_on_without_it():
    """As may work of an earlier version, which knew nothing of it."""
    for stored in ({"seed": 0, "jit": "always"}, {"seed": 0}):
        wanted = {"seed": 0, "jit": "never"}
        assert not differing_settings(stored, wanted, "there")
        assert settings_digest(stored) == settings_digest(wanted)


def test_a_run_with_it_and_one_without_are_the_same_run(prepared):
    space = prepared.split.dataset.space
    names = {Identity.of(replace(prepared.config, jit=jit), space).name for jit in ("always", "never")}
    assert len(names) == 1


@pytest.mark.parametrize("cooperation", ["joint", pytest.param("frozen", marks=pytest.mark.slow)])
def test_no_operation_of_a_step_is_bound_to_the_host(toy_config, cooperation):
    """Neither Python code nor an operation that is pinned to the CPU interrupts it, also not in functions that it calls."""
    ready = prepare(replace(toy_config, cooperation=cooperation))
    model = ready.build()
    space, batch = ready.split.dataset.space, 4
    factors = {name: tf.TensorSpec((batch,), tf.int32) for name in space.names}
    real = tf.TensorSpec((batch, *ready.split.dataset.image_shape), tf.float32)
    graph = tf.function(model.train_step).get_concrete_function((factors, real)).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert any("Conv2D" in node.op for node in nodes)
    assert not [node.name for node in nodes if "PyFunc" in node.op]
    assert not [(node.name, node.device) for node in nodes if "CPU" in node.device.upper()]
