import pytest
import tensorflow as tf

from gcn_tf.model import precision


@pytest.mark.parametrize(
    "float32_seconds, bfloat16_seconds, expected",
    [(1.0, 0.5, "mixed_bfloat16"), (1.0, 1.0, "float32"), (1.0, 0.95, "float32"), (0.2, 3.0, "float32")],
)
def test_auto_takes_bfloat16_where_it_is_faster(float32_seconds, bfloat16_seconds, expected, monkeypatch):
    seconds = {tf.float32: float32_seconds, tf.bfloat16: bfloat16_seconds}
    monkeypatch.setattr(precision, "_seconds_by_type", lambda: seconds)
    assert precision.resolve_precision("auto") == expected


def test_a_named_precision_is_taken_as_it_is(monkeypatch):
    monkeypatch.setattr(precision, "_seconds_by_type", None)
    assert precision.resolve_precision("float32") == "float32"
    assert precision.resolve_precision("mixed_bfloat16") == "mixed_bfloat16"


def test_both_types_are_really_timed_by_what_networks_consist_of(monkeypatch):
    called = []
    product_and_convolution = precision._product_and_convolution

    def watched(dtype):
        work = product_and_convolution(dtype)
        return lambda: called.append((dtype, len(work())))

    monkeypatch.setattr(precision, "_product_and_convolution", watched)
    seconds = precision._seconds_by_type()
    assert called[:2] == [(tf.float32, 4), (tf.bfloat16, 4)]  # product, convolution and both of its gradients
    assert len(called) == 2 * (1 + precision.ROUNDS)
    assert all(0 < value < 60 for value in seconds.values())
