"""Moves: how pictures of one class lie in each other, learned from a grid of many, and sampled for pictures of other classes.

A move is a pose, an affine map and a smooth displacement. Moves between pairs of pictures are found by registration, and their
principal components are pooled over all classes: how a character is drawn otherwise does not depend on the character, about.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from gcn_tf.errors import UserError
from gcn_tf.model.references.onto_template import registered_onto
from gcn_tf.model.references.poses import NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.registration import SCALE, small_size
from gcn_tf.progress import progress

COMPONENTS = 12
PAIRS = 60  # of a class, if there are so many
MOST_PAIRS = 4000  # of all classes together, about: some minutes at 56x56
MOST_CLASSES = 1000  # that pairs are taken from
MOST_OF_CLASS = 400  # pictures of a class that pairs are taken from
SIDE = 56  # pixels of the longer side at which pictures are registered, at most
BLURS = 28  # to the longer side of pictures that are registered onto each other: blurred, thin strokes find their way
AT_ONCE = 64  # pictures that are moved at once, always as many, so that none depends on its batch


@dataclass(frozen=True)
class Moves:
    """Principal components of moves between pictures of one class.

    Args:
        axes: float32 (D, NUMBERS), each as long as its standard deviation.
    """

    axes: np.ndarray

    @classmethod
    def of(cls, poses: np.ndarray, count: int = COMPONENTS) -> "Moves":
        """Of poses of pairs, (P, NUMBERS): a pair taken the other way round is as likely, so that their mean is 0.

        Example, moves along one side alone:

        >>> import numpy as np
        >>> from gcn_tf.augmentation.moves import Moves
        >>> poses = np.zeros((4, 56))
        >>> poses[:, 1] = [-0.2, 0.2, 0.2, -0.2]
        >>> Moves.of(poses, 1).sampled(1000, 1.0, np.random.default_rng(0))[:, 1].std().round(1)
        np.float32(0.2)
        """
        scaled = poses / SCALE
        _, lengths, axes = np.linalg.svd(scaled, full_matrices=False)
        stretched = axes[:count] * (lengths[:count, None] / np.sqrt(len(poses)))
        return cls((stretched * SCALE).astype(np.float32))

    @property
    def signed(self) -> "Moves":
        """The same with the largest number of every axis positive: which of both signs an axis has is up to the processor."""
        rows = np.arange(len(self.axes))
        largest = self.axes[rows, np.abs(self.axes / SCALE).argmax(axis=1)]
        return Moves(self.axes * np.where(largest < 0, -1, 1).astype(np.float32)[:, None])

    def sampled(self, count: int, strength: float, rng: np.random.Generator) -> np.ndarray:
        """Moves at random, float32 (count, NUMBERS); of strength 1 they are as large as those that were found."""
        scores = rng.normal(size=(count, len(self.axes)))
        return (strength * scores @ self.axes).astype(np.float32)


def learn_moves(
    pictures: Callable[[np.ndarray], np.ndarray],
    ids: np.ndarray,
    factor: int,
    varied: Sequence[int],
    name: str,
) -> Moves:
    """The moves of a grid: between pictures of the same value of one factor that differ in exactly one other one.

    Args:
        pictures: gives pictures by row, int (n,) -> uint8 (n, H, W, C).
        ids: int (N, M). The cells of all pictures.
        factor: position of the factor whose values are the classes; varied: positions of those in which a pair may differ.
        name: of the factor, for errors.

    Raises:
        UserError: there is no such pair.
    """
    pairs = class_pairs(ids, factor, varied, name)
    found = []
    with progress(len(pairs), "moves between pictures", "class", delay=5) as bar:
        for template, picture in pairs:
            rows, places = np.unique(np.concatenate([template, picture]), return_inverse=True)
            own = _small(pictures(rows))
            found.append(poses_of_pairs(own, *places.reshape(2, -1)))
            bar.update()
    return Moves.of(np.concatenate(found)).signed


def class_pairs(
    ids: np.ndarray, factor: int, varied: Sequence[int], name: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of pictures of every class by row, int (P,) each: they differ in exactly one factor, one of `varied`.

    Always the same for the same cells. Arguments and errors are as of `learn_moves`.
    """
    rng = np.random.default_rng(0)
    classes = np.unique(ids[:, factor])
    if len(classes) > MOST_CLASSES:
        classes = np.sort(rng.permutation(classes)[:MOST_CLASSES])
    each = min(PAIRS, max(2, MOST_PAIRS // len(classes)))
    fixed = [m for m in range(ids.shape[1]) if m not in varied]
    pairs = []
    for one in classes:
        rows = np.flatnonzero(ids[:, factor] == one)
        rows = np.sort(rng.permutation(rows)[:MOST_OF_CLASS])
        differ = ids[rows][:, None] != ids[rows][None]  # (n, n, M)
        alone = (differ.sum(axis=2) == 1) & ~differ[:, :, fixed].any(axis=2)
        template, picture = np.nonzero(alone)
        chosen = rng.permutation(len(template))[:each]
        if len(chosen):
            pairs.append((rows[template[chosen]], rows[picture[chosen]]))
    if not pairs:
        raise UserError(
            f"--for {name}: the run has no two seen pictures of one {name} that differ in one other factor alone: name another "
            "factor, or a run that was trained on a fuller grid"
        )
    return pairs


def poses_of_pairs(pictures: np.ndarray, template: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Register pictures of one class onto others: poses float32 (K, NUMBERS) of the half of the pairs that come nearest.

    The other half is drawn in other strokes.

    Args:
        pictures: float32 (N, H, W, C) in [0, 1], small.
        template, picture: int (P,). Rows of the pairs; the second is moved onto the first.
    """
    sigma = max(pictures.shape[1:3]) / BLURS
    own = gaussian_filter(pictures, (0, sigma, sigma, 0))
    variance = tf.constant(own.var() + 1e-6, tf.float32)
    poses = _onto(own.shape[1:])(own[template], own[picture], variance).numpy()
    missed = np.square(moved(own[picture], poses) - own[template]).mean((1, 2, 3))
    return poses[missed <= np.median(missed)]


def moved(pictures: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Pictures at the points of poses: float32 (N, H, W, C), (N, NUMBERS) -> float32 (N, H, W, C).

    Example, a line that moves to the left, for the points lie to the right:

    >>> import numpy as np
    >>> from gcn_tf.augmentation.moves import moved
    >>> picture, pose = np.zeros((1, 28, 28, 1), np.float32), np.zeros((1, 56), np.float32)
    >>> picture[:, :, 10], pose[:, 1] = 1, 2 * 3 / 27  # halves of the width: 3 pixels
    >>> moved(picture, pose)[0, 14, :, 0].argmax()
    np.int64(7)
    """
    function, made = _moved(pictures.shape[1:]), []
    for start in range(0, len(pictures), AT_ONCE):
        some, own = pictures[start : start + AT_ONCE], poses[start : start + AT_ONCE]
        room = [(0, AT_ONCE - len(some))]
        whole = np.pad(some, room + [(0, 0)] * 3).astype(np.float32), np.pad(own, [*room, (0, 0)])
        made.append(function(*whole).numpy()[: len(some)])
    return np.concatenate(made) if made else np.zeros(pictures.shape, np.float32)


def _small(images: np.ndarray) -> np.ndarray:
    """uint8 pictures at the size at which they are registered, float32 in [0, 1]."""
    size = small_size(images.shape[1:3], SIDE)
    return tf.image.resize(tf.cast(images, tf.float32) / 255, size, "area").numpy()


@functools.cache
def _onto(shape: tuple[int, int, int]) -> Callable[..., tf.Tensor]:
    """`registered_onto` of pictures of one shape, compiled."""
    pictures = tf.TensorSpec((None, *shape))
    signature = [pictures, pictures, tf.TensorSpec(())]
    return tf.function(registered_onto, input_signature=signature, autograph=False)


@functools.cache
def _moved(shape: tuple[int, int, int]) -> Callable[..., tf.Tensor]:
    def at_points(pictures: tf.Tensor, poses: tf.Tensor) -> tf.Tensor:
        points = tf.repeat(picture_points(*shape[:2])[None], AT_ONCE, axis=0)
        return tf.reshape(sample(pictures, in_picture(poses, points)), (AT_ONCE, *shape))

    signature = [tf.TensorSpec((AT_ONCE, *shape)), tf.TensorSpec((AT_ONCE, NUMBERS))]
    return tf.function(at_points, input_signature=signature, autograph=False)
