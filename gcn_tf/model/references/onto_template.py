"""Find the poses of pictures whose templates are known, as graph operations, each picture by itself."""

import numpy as np
import tensorflow as tf

from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.registration import SCALE, STAGES, STEPS, Stage, penalty, small_size
from gcn_tf.model.transfer import adam_step


def registered_onto(templates: tf.Tensor, pictures: tf.Tensor, variance: float) -> tf.Tensor:
    """Poses of pictures, each moved until it looks as its template, as `gcn_tf.model.references.registration.register` does.

    Args:
        templates, pictures: float32 (B, H, W, C) in [0, 1], about.
        variance: of the pictures of the grid. What is missed is measured in it.

    Returns:
        float32 (B, NUMBERS).
    """
    poses, done = tf.zeros((tf.shape(pictures)[0], NUMBERS)), None
    for stage in STAGES:
        size = small_size(pictures.shape[1:3], stage.side)
        if size != done:
            template, small = (tf.image.resize(images, size, "area") for images in (templates, pictures))
            poses = _improved(poses, template, small, stage, variance)
        done = size
    return poses


def _improved(
    start: tf.Tensor, template: tf.Tensor, pictures: tf.Tensor, stage: Stage, variance: float
) -> tf.Tensor:
    """Poses after the rounds of one stage, float32 (B, NUMBERS)."""
    points = tf.repeat(picture_points(*pictures.shape[1:3])[None], tf.shape(pictures)[0], axis=0)
    flat = tf.reshape(template, (-1, points.shape[1], template.shape[3]))
    size = float(flat.shape[1] * flat.shape[2])
    affine = tf.constant((np.arange(NUMBERS) < AFFINE).astype(np.float32))
    last = stage.rounds * STEPS

    def step(number: tf.Tensor, free: tf.Tensor, mean: tf.Tensor, square: tf.Tensor) -> tuple[tf.Tensor, ...]:
        allowed = affine if stage.affine_rounds else tf.ones_like(affine)
        allowed = tf.where(number < stage.affine_rounds * STEPS, allowed, tf.ones_like(affine))
        with tf.GradientTape() as tape:
            tape.watch(free)
            poses = free * SCALE * allowed
            missed = sample(pictures, in_picture(poses, points)) - flat
            loss = tf.reduce_sum(missed**2) / (variance * size) + penalty(poses / SCALE)
        return adam_step(number, free, tape.gradient(loss, free), mean, square, stage.learning_rate)

    free = start / SCALE
    state = (tf.constant(0), free, tf.zeros_like(free), tf.zeros_like(free))
    return tf.while_loop(lambda number, *_: number < last, step, state)[1] * SCALE
