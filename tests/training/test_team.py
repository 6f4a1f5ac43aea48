"""The settings that a worker takes over from the run, or from the chief."""

from dataclasses import replace

import pytest

from gcn_tf.config.files import resolve
from gcn_tf.errors import ConfigError
from gcn_tf.model.references.generator import References
from gcn_tf.training.team import adopted

STORED = replace(resolve("", "glyphs"), precision="float32", batch_size=32, data_dir="/chief")


def test_what_is_not_given_is_taken_over():
    own = replace(resolve("", "glyphs"), steps=900, data_dir="/here")
    assert adopted(STORED, own, ()) == replace(STORED, data_dir="/here")
    assert adopted(STORED, replace(own, data_dir=None), ()) == STORED


def test_what_is_given_counts_but_for_what_a_training_finds_out():
    own = replace(resolve("", "glyphs"), batch_size=64, precision="auto")
    found = adopted(STORED, own, ("batch_size", "precision"))
    assert (found.batch_size, found.precision) == (64, "float32")
    assert adopted(STORED, replace(own, precision="bfloat16"), ("precision",)).precision == "bfloat16"


def test_networks_and_options_keep_what_was_resolved():
    stored = replace(STORED, generator=References(references=30))
    own = replace(STORED, generator=References(), options=replace(STORED.options, writers="5"))
    found = adopted(stored, own, ("generator", "writers"))
    assert (found.generator, found.options.writers) == (stored.generator, "5")
    other = adopted(stored, STORED, ("generator",))
    assert other.generator == STORED.generator  # of another kind


def test_another_dataset_is_refused():
    with pytest.raises(ConfigError, match="dataset is faces, but glyphs in the run"):
        adopted(STORED, resolve("", "faces"), ("dataset",))
