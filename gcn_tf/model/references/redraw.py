"""Pictures drawn again in another pose and another light."""

import tensorflow as tf

from gcn_tf.model.references.poses import in_picture, in_template, sample


def redrawn_at(
    points: tf.Tensor, pictures: tf.Tensor, own: tf.Tensor, wanted: tf.Tensor, light: tf.Tensor
) -> tf.Tensor:
    """Values at points of pictures in other poses, in one step from pixels to pixels, so that they stay crisp.

    Args:
        points: float32 (B, P, 2). Places to draw, in halves of the height and of the width.
        pictures: float32 (B, H, W, C) in [0, 1].
        own, wanted: float32 (B, NUMBERS), poses.
        light: float32 (B, H, W, C). What is added, in the pose of the template.

    Returns:
        float32 (B, P, C), not clipped.
    """
    template = in_template(wanted, points)
    return sample(pictures, in_picture(own, template), cubic=True) + sample(light, template)
