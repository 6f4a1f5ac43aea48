"""Every door, gone through with a toy: two edits each, and the rest of the package finds it."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pytest
import tensorflow as tf

from gcn_tf import doors
from gcn_tf.cli import main
from gcn_tf.config.checks import Range
from gcn_tf.config.data import DataConfig, DatasetOptions
from gcn_tf.config.files import read_config, with_settings
from gcn_tf.config.networks import ClassifierConfig, GeneratorConfig
from gcn_tf.config.schema import ObjectiveConfig, RunConfig
from gcn_tf.errors import ConfigError
from gcn_tf.grid.factors import Factor, FactorSpace
from gcn_tf.model.gcn import GCN
from gcn_tf.model.objective import TERMS, Examples, loss_term
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.runs.run_dir import open_run
from gcn_tf.training.fit import fit
from gcn_tf.training.prepare import prepare


@dataclass(frozen=True)
class Stripes(DatasetOptions):
    """Options of the dataset stripes."""

    grid: ClassVar = "shade N, direction 2"
    needs: ClassVar = "nothing"
    possible_factors: ClassVar = ("shade", "direction")

    shades: Annotated[int, Range(2, 20)] = 6
    """How many shades of grey."""

    def load(self, config: DataConfig) -> Dataset:
        side = config.image_size
        shades = Factor("shade", tuple(str(n) for n in range(self.shades)))
        space = FactorSpace((shades, Factor("direction", ("across", "down"))))
        pictures = np.zeros((self.shades, 2, side, side, 3), np.uint8)
        for shade in range(self.shades):
            pictures[shade, 0, ::4] = pictures[shade, 1, :, ::4] = 255 * (shade + 1) // self.shades
        return Dataset("stripes", space, pictures.reshape(-1, side, side, 3), space.cells(), ())


@dataclass(frozen=True)
class Painted(GeneratorConfig):
    """One dense layer from the codes to the pixels."""

    kind: ClassVar = "painted"
    units: Annotated[int, Range(1)] = 8

    def build(self, factor_sizes, image_shape, dtype, distances=None):
        import keras

        codes = {name: keras.layers.Input((size,), name=name) for name, size in factor_sizes.items()}
        x = keras.layers.Concatenate()(list(codes.values()))
        x = keras.layers.Dense(self.units, dtype=dtype)(x)
        x = keras.layers.Dense(int(np.prod(image_shape)), dtype="float32")(x)
        return keras.Model(codes, keras.layers.Reshape(image_shape)(x), name="generator")

    def check_fit(self, image_shape):
        if image_shape[0] > 64:
            raise ConfigError(f"--image-size {image_shape[0]}: painted generators make at most 64")

    def count_weights(self, factor_sizes, image_shape):
        return self.units * (sum(factor_sizes.values()) + int(np.prod(image_shape)))

    def scaled(self, factor):
        return replace(self, units=max(1, round(self.units * factor)))


@dataclass(frozen=True)
class Flat(ClassifierConfig):
    """A dense layer per factor on the pixels."""

    kind: ClassVar = "flat"

    def build(self, factor_sizes, image_shape, dtype, imagined_class=False):
        import keras

        image = keras.layers.Input(image_shape, name="image")
        x = keras.layers.Flatten(name="features")(image)
        heads = {n: keras.layers.Dense(k + imagined_class, name=n)(x) for n, k in factor_sizes.items()}
        return keras.Model(image, heads, name="classifier")

    def check_fit(self, image_shape):
        pass

    def count_weights(self, factor_sizes, image_shape):
        return int(np.prod(image_shape)) * sum(factor_sizes.values())

    def scaled(self, factor):
        return self


@pytest.fixture
def stripes(monkeypatch):
    monkeypatch.setitem(doors.DATASETS, "stripes", f"{__name__}:Stripes")


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.setitem(doors.GENERATORS, "painted", f"{__name__}:Painted")
    monkeypatch.setitem(doors.CLASSIFIERS, "flat", f"{__name__}:Flat")


TOY = ["--steps", "6", "--batch-size", "4", "--precision", "float32", "--image-steps", "6"]


@pytest.mark.slow
def test_a_dataset_brings_its_flags_and_trains(stripes, toy_judges, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--dataset", "stripes", "--help"])
    said = capsys.readouterr().out
    assert "stripes options" in said
    assert "--shades INT" in said
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = capsys.readouterr().out
    assert "How many shades" not in said
    assert "stripes      --shades" in said
    with pytest.raises(SystemExit):
        main(["train", "--shades", "3"])
    assert "--shades belongs to the datasets stripes" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "--dataset", "stripes", "--shades", "1"])
    assert "shades is 1: give a number from 2 to 20" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    main(["datasets", "stripes", "--shades", "8", "--holdout", "low-level"])
    assert "16 cells: 15 seen, 1 unseen" in capsys.readouterr().out
    main(["train", "--dataset", "stripes", "--shades", "8", "--run-dir", "run", *TOY])
    assert read_config(tmp_path / "run" / "config.yaml").options == Stripes(shades=8)
    assert open_run("run").space.sizes == {"shade": 8, "direction": 2}


def test_a_kind_of_generator_and_of_classifier_is_chosen_by_name(kinds, toy_config, start_run, tmp_path):
    config = with_settings(
        toy_config, {"generator": {"kind": "painted", "units": 3}, "classifier": "flat"}, "toy"
    )
    model = fit(start_run(config, tmp_path / "run"), tmp_path / "run")
    assert model.generator.count_params() < 40_000
    stored = read_config(tmp_path / "run" / "config.yaml")
    assert (stored.generator, stored.classifier) == (Painted(units=3), Flat())
    assert open_run(tmp_path / "run").model.generator.count_params() == model.generator.count_params()
    with pytest.raises(ConfigError, match="no kind 'paintd', did you mean painted"):
        with_settings(toy_config, {"generator": "paintd"}, "toy")
    with pytest.raises(ConfigError, match="painted generators make at most 64"):
        prepare(replace(config, image_size=128))


def test_a_kind_has_a_flag(kinds, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--generator", "paintd"])
    said = capsys.readouterr().err
    assert (
        "--generator or --method paintd: there is no such kind, did you mean painted? known: deconvolution, references, painted"
        in said
    )


def test_a_loss_term_is_a_function_and_a_weight(monkeypatch, toy_config):
    monkeypatch.setattr("gcn_tf.model.objective.TERMS", TERMS)
    try:

        @loss_term
        def edges(examples: Examples) -> tf.Tensor:
            pair = (tf.image.sobel_edges(part) for part in (examples.real, examples.generated))
            one, other = pair
            return tf.reduce_mean(tf.abs(one - other), axis=(1, 2, 3, 4))

        @dataclass(frozen=True)
        class WithEdges(ObjectiveConfig):
            edges_weight: float = 0.0

        space = {"digit": 10, "writer": 3, "color": 3, "rotation": 4}
        networks = [
            network.build(space, (28, 28, 3), "float32")
            for network in (toy_config.generator, toy_config.classifier)
        ]
        ids = {name: np.zeros(4, np.int32) for name in space}
        real = tf.random.stateless_uniform((4, 28, 28, 3), (0, 0))
        found = {}
        for weight in (0.0, 100.0):
            settings = WithEdges(cooperation="none", edges_weight=weight)
            model = GCN(*networks, settings)
            objective, _, found[weight] = model.generator_objective(model.encode(ids), real)
            found[weight]["objective"] = objective
        assert "edges_loss" not in found[0.0]
        gained = float(found[100.0]["objective"]) - float(found[0.0]["objective"])
        assert gained == pytest.approx(100 * float(found[100.0]["edges_loss"]), rel=1e-3)
        assert gained > 0
    finally:
        TERMS.pop("edges", None)


@pytest.mark.long
def test_a_strategy_of_devices_wraps_one_place(toy_config, start_run, tmp_path):
    """The same weights as without a strategy, up to rounding: there is one device."""
    weights = []
    for name, strategy in (("plain", None), ("strategy", tf.distribute.OneDeviceStrategy("/cpu:0"))):
        prepared = start_run(replace(toy_config, steps=4), tmp_path / name)
        if strategy:
            prepared = replace(prepared, strategy=strategy)
        weights.append(fit(prepared, tmp_path / name).generator.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_dataset_is_imported_only_when_it_is_used():
    import subprocess
    import sys

    code = (
        "import sys; from gcn_tf.config.data import DataConfig; from gcn_tf.pipelines.dataset import load_dataset\n"
        "load_dataset(DataConfig.of('glyphs', writers='1'))\n"
        "print([name for name in sys.modules if 'kdef' in name or 'mmi' in name or 'qmnist' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_defaults_are_the_first_kind_of_each():
    config = RunConfig()
    assert config.generator.kind == next(iter(doors.GENERATORS))
    assert config.classifier.kind == next(iter(doors.CLASSIFIERS))
