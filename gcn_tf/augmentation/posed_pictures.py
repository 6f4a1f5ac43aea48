"""Upright figures that a run generates, set in poses of the pictures that it has seen."""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from gcn_tf.augmentation.plan import AugmentationJob
from gcn_tf.augmentation.source import CodeArrays
from gcn_tf.config.data import DataConfig
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.upright import Poses, Upright
from gcn_tf.pipelines.variations import Variation


@dataclass(frozen=True)
class PosedPictures:
    """Sets pictures in poses, each in one of its own: a function of the seed and the picture's number.

    Args:
        upright: how the run's pictures were set upright.
        known: poses of the seen pictures as they are.
        turns: the variations that turn or mirror pictures.
    """

    upright: Upright
    known: Poses
    turns: tuple[Variation, ...]
    seed: int

    def __call__(self, images: np.ndarray, codes: CodeArrays, numbers: np.ndarray) -> np.ndarray:
        """Upright pictures, uint8 (B, H, W, C), in poses; a turned one as if it had been turned afterwards.

        Args:
            codes: of the pictures; of a blended turn the heavier one counts.
            numbers: int (B,) of the pictures.
        """
        rngs = (np.random.default_rng([self.seed, 0x51, int(number)]) for number in numbers)
        poses = [self.upright.new_poses(self.known, 1, rng) for rng in rngs]
        ids = {
            turn.factor.name: codes[turn.factor.name].argmax(axis=1).astype(np.int32) for turn in self.turns
        }
        standing = tf.constant(images)
        for turn in reversed(self.turns):
            assert turn.undo
            standing = turn.undo(standing, tf.constant(ids[turn.factor.name]))
        made = tf.constant(self.upright.in_pose(standing.numpy(), np.concatenate(poses)))
        for turn in self.turns:
            made = turn.apply(made, tf.constant(ids[turn.factor.name]))
        whole: np.ndarray = made.numpy()
        return whole


def poses_of(job: AugmentationJob) -> PosedPictures | None:
    """What sets the pictures of a job in poses; None if its run learned pictures as they are, or they shall stay upright."""
    if not job.run.config.upright or job.config.upright:
        return None
    split = job.run.load_split()
    as_they_are = load_dataset(replace(job.run.config.part(DataConfig), upright=False))
    upright = Upright.of(as_they_are.images)
    seen = np.unique(split.base[~split.unseen])
    seen = seen[seen < len(as_they_are.images)]  # newcomers are kept upright
    turns = tuple(one for one in split.dataset.variations if one.undo)
    return PosedPictures(upright, upright.poses(as_they_are.images[seen]), turns, job.config.seed)
