"""The way of pix2pix (Isola et al. 2017), for comparison: a U-Net turns a picture into the same person's picture of another cell.

It learns from pairs of the grid's pictures and never sees a newcomer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.files import stored_arrays, write_atomically
from gcn_tf.pipelines.dataset import Dataset
from gcn_tf.pipelines.split import Split
from gcn_tf.rivals.adversary import critic_loss, generator_loss
from gcn_tf.rivals.translator import pair_critic, patch_filters, translator_network, unet_filters
from gcn_tf.synthesis.draw import to_uint8
from gcn_tf.training.fit import make_deterministic
from gcn_tf.training.step_callback import Diverged

BATCH = 16  # pairs of a step
# Steps for one of the run, without and with the critic: they then take about as long, at 28 pixels (23 and 40 ms a step; the run's 125)
# and at 64 (68 and 185 ms; the run's 400 to 560).
STEPS_FOR_ONE = {False: 5, True: 3}
LEARNING_RATE, BETA_1 = 2e-4, 0.5  # of both networks' Adam, as in pix2pix
L1_WEIGHT = 100.0  # beside the critic's cross entropy, as in pix2pix
WIDTH = 32  # filters of the first layer, of both networks


@dataclass(frozen=True)
class EncoderDecoder:
    """A U-Net with a mask, trained by the L1 norm alone or with a critic.

    Args:
        critic: whether a conditional PatchGAN learns along.
    """

    critic: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        return "encoder-decoder+critic" if self.critic else "encoder-decoder"

    def train(self, config: RunConfig, known: Split, place: int, folder: Path) -> None:
        """Learn from all pairs of pictures that share the value of one factor, for about as long as the run.

        Args:
            known: pictures without any newcomer.
            place: position of the newcomers' factor.
            folder: for the weights.

        Raises:
            Diverged: a loss is not finite.
        """
        make_deterministic(config)
        keras.utils.set_random_seed(config.seed)
        pairs = Pairs.of(known.dataset, place)
        translator = self._build(config, known.dataset, place)
        trainer = _Trainer(translator, build_critic(pairs.shape, pairs.codes) if self.critic else None)
        random = np.random.default_rng([config.seed, 0x42])
        for _ in range(STEPS_FOR_ONE[self.critic] * config.steps):
            loss = trainer.step(*pairs.sample(random))
        if not np.isfinite(float(loss)):
            raise Diverged(f"the {self.name} diverged")
        arrays = {f"{n:03d}": weight for n, weight in enumerate(translator.get_weights())}
        write_atomically(folder / "weights.npz", lambda path: np.savez(path, **arrays))

    def open(self, config: RunConfig, known: Split, place: int, folder: Path) -> keras.Model:
        """The network that `train` left; raises UserError if it is not there or damaged."""
        translator = self._build(config, known.dataset, place)
        with stored_arrays(folder / "weights.npz") as file:
            translator.set_weights([file[name] for name in sorted(file.files)])
        return translator

    def _build(self, config: RunConfig, dataset: Dataset, place: int) -> keras.Model:
        codes = sum(len(factor) for factor in _wanted_factors(dataset, place))
        return build_translator(dataset.images.shape[1:], codes, config.precision)


def translate(network: keras.Model, images: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Pictures of other cells: uint8 (N, H, W, C), float32 (N, K) -> uint8 (N, H, W, C)."""
    return to_uint8(network.predict((images / np.float32(255), codes), batch_size=32, verbose=0))


def wanted_codes(dataset: Dataset, place: int, base: np.ndarray) -> np.ndarray:
    """One-hot codes of all base factors but the newcomers', joined: base images int (N,) -> float32 (N, K)."""
    ids = np.delete(dataset.base_ids[base], place, axis=1)
    factors = _wanted_factors(dataset, place)
    return np.hstack([np.eye(len(f), dtype=np.float32)[ids[:, m]] for m, f in enumerate(factors)])


def _wanted_factors(dataset: Dataset, place: int) -> list[Any]:
    factors = list(dataset.space)[: dataset.base_ids.shape[1]]
    return factors[:place] + factors[place + 1 :]


@dataclass(frozen=True)
class Pairs:
    """Pictures, and with which others each makes a pair.

    Args:
        images: uint8 (N, H, W, C).
        wanted: float32 (N, K), codes of the cells.
        partners: for every picture the numbers of those with the same value of the newcomers' factor, int (n,) each.
        inputs: int (I,). Pictures that have a partner.
    """

    images: np.ndarray
    wanted: np.ndarray
    partners: list[np.ndarray]
    inputs: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, place: int) -> "Pairs":
        who = dataset.base_ids[:, place]
        numbers = np.arange(len(who))
        partners = [numbers[(who == who[n]) & (numbers != n)] for n in numbers]
        able = np.array([n for n in numbers if len(partners[n])], int)
        return cls(dataset.images, wanted_codes(dataset, place, numbers), partners, able)

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def codes(self) -> int:
        return int(self.wanted.shape[1])

    def sample(self, random: np.random.Generator) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """A batch: pictures, the codes of other cells, and the true pictures of those, in [0, 1]."""
        given = random.choice(self.inputs, BATCH)
        target = np.array([random.choice(self.partners[n]) for n in given])
        scaled = (tf.constant(self.images[rows], tf.float32) / 255.0 for rows in (given, target))
        image, true = scaled
        return image, tf.constant(self.wanted[target]), true


def build_translator(shape: tuple[int, int, int], codes: int, dtype: str) -> keras.Model:
    """The U-Net with a mask, in [0, 1]; every picture is normalized by itself, as pix2pix has batches of one."""
    return translator_network(shape, codes, dtype, unet_filters(WIDTH), masked=True, normalized="picture")


def build_critic(shape: tuple[int, int, int], codes: int) -> keras.Model:
    """The conditional PatchGAN."""
    return pair_critic(shape, codes, patch_filters(WIDTH), normalized="picture")


class _Trainer:
    """Both networks, their optimizers and a step."""

    def __init__(self, translator: keras.Model, critic: keras.Model | None) -> None:
        self.translator, self.critic = translator, critic
        self.adams = [
            keras.optimizers.Adam(LEARNING_RATE, BETA_1) for network in (translator, critic) if network
        ]
        for adam, network in zip(self.adams, filter(None, (translator, critic)), strict=True):
            adam.build(network.trainable_variables)
        self.step = tf.function(self._step, autograph=False)

    def _step(self, image: tf.Tensor, code: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape, tf.GradientTape() as critics_tape:
            made = self.translator((image, code), training=True)
            loss = tf.reduce_mean(tf.abs(made - true))
            if self.critic:
                on_real, on_made = (self.critic((image, code, x), training=True) for x in (true, made))
                loss = L1_WEIGHT * loss + generator_loss(on_made)
                critics_loss = critic_loss(on_real, on_made) / 2
        variables = self.translator.trainable_variables
        self.adams[0].apply(tape.gradient(loss, variables), variables)
        if self.critic:
            variables = self.critic.trainable_variables
            self.adams[1].apply(critics_tape.gradient(critics_loss, variables), variables)
        return loss
