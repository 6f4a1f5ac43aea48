"""Upright figures that a run generates, set in poses of the pictures that it has seen."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gcn_tf.augmentation.plan import AugmentationJob
from gcn_tf.augmentation.source import CodeArrays
from gcn_tf.pipelines.upright import Upright
from gcn_tf.pipelines.variations import Variation


@dataclass(frozen=True)
class PosedPictures:
    """Sets pictures in poses, each in one of its own: a function of the seed and the picture's number.

    Args:
        upright: how the run's pictures were set upright.
        seen: int (n,). Base images whose poses are taken.
        turns: the variations that turn or mirror pictures.
    """

    upright: Upright
    seen: np.ndarray
    turns: tuple[Variation, ...]
    seed: int

    def __call__(self, images: np.ndarray, codes: CodeArrays, numbers: np.ndarray) -> np.ndarray:
        """Upright pictures, uint8 (B, H, W, C), in poses; a turned one as if it had been turned afterwards.

        Args:
            codes: of the pictures; of a blended turn the heavier one counts.
            numbers: int (B,) of the pictures.
        """
        rngs = (np.random.default_rng([self.seed, 0x51, int(number)]) for number in numbers)
        poses = [self.upright.new_poses(self.seen, 1, rng) for rng in rngs]
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


def posed_pictures(job: AugmentationJob) -> PosedPictures | None:
    """What sets the pictures of a job in poses; None if its run learned pictures as they are, or they shall stay upright."""
    if not job.run.config.upright or job.config.upright:
        return None
    split = job.run.load_split()
    upright = split.dataset.upright
    assert upright is not None
    seen = np.unique(split.base[~split.unseen])
    seen = seen[seen < len(upright.known)]  # newcomers are kept upright
    turns = tuple(one for one in split.dataset.variations if one.undo)
    return PosedPictures(upright, seen, turns, job.config.seed)
