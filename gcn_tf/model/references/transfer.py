"""A picture of anybody, drawn in another cell, as graph operations: for one moment it is a newcomer's.

What `learn_newcomers` does with pictures that are kept, in closed form: the picture is registered onto the template of its cell, what it has besides its
known values is shrunk as for a single picture, and the wanted cell is drawn from the nearest picture, a seen one or the given one itself.
"""

import numpy as np
import tensorflow as tf

from gcn_tf.model.operators import FactorOperators
from gcn_tf.model.references.additive import fit_additive
from gcn_tf.model.references.layers import DrawnFromReferences
from gcn_tf.model.references.light import averaged, side_of_newcomers
from gcn_tf.model.references.moved import aligned_pictures
from gcn_tf.model.references.nearest import LARGE_PARTS, LIGHT, enlarging, value_distances
from gcn_tf.model.references.onto_template import registered_onto
from gcn_tf.model.references.poses import AFFINE, NUMBERS, in_picture, picture_points, sample
from gcn_tf.model.references.redraw import redrawn_at
from gcn_tf.model.transfer import Codes, after_change, missed_share


class ReferenceTransfer(tf.Module):
    """What a transfer has to know beside the layer that keeps the pictures is computed from these pictures.

    Args:
        layer: of a generator that was trained.
        operators: of the same, if it has any. What they do is undone before and done again after a transfer.
    """

    def __init__(self, layer: DrawnFromReferences, operators: FactorOperators | None) -> None:
        super().__init__(name="transfer")
        self.layer, self.operators = layer, operators
        memory, sizes = layer.memory(), layer.sizes
        ids = np.stack(np.unravel_index(memory.cells, tuple(sizes.values())), axis=1)
        own = memory.poses[memory.cells]
        aligned = aligned_pictures(memory.pictures, own)
        poses = fit_additive(own, ids, sizes)
        looks = fit_additive(aligned.reshape(len(aligned), -1), ids, sizes)
        sides = {
            name: side_of_newcomers(side, 1) for name, side in zip(sizes, memory.light_sides, strict=True)
        }
        strengths = {
            side: fit_additive(averaged(aligned, side), ids, sizes).strength
            for side in {*sides.values()} - {0}
        }
        apart = value_distances(aligned, ids, sizes)

        def kept(name: str, values: np.ndarray, dtype: type = np.float32) -> tf.Variable:
            return tf.Variable(np.asarray(values, dtype), trainable=False, name=name)

        self.variance = float((memory.pictures / np.float32(255)).var()) + 1e-6
        self.ids = kept("ids", ids, np.int32)
        self.usual_pose, self.pose_effects = (
            kept("usual_pose", poses.mean),
            kept("pose_effects", poses.effects),
        )
        self.usual_look = kept("usual_look", looks.mean)
        self.look_effects = kept("look_effects", looks.effects, np.float16)
        features = self._features(tf.constant(looks.effects.reshape(-1, *layer.image_shape))).numpy()
        self.features = kept("features", features, np.float16)
        self.products = kept("products", features @ features.T)
        self.apart = {
            name: kept(f"apart_{name}", distance) for name, distance in zip(sizes, apart, strict=True)
        }
        self.pose_share = np.repeat(np.array(memory.pose_share, np.float32), (AFFINE, NUMBERS - AFFINE))
        self.believed_pose, self.believed_look = 1 / (1 + poses.strength), 1 / (1 + looks.strength)
        # How finely light is known of each factor, in pixels, and how much of what one picture shows is believed.
        self.light = {name: (side, 1 / (1 + strengths[side])) for name, side in sides.items() if side}

    def draw(self, pictures: tf.Tensor, known: Codes, wanted: Codes) -> tf.Tensor:
        """As `gcn_tf.config.networks.Transfer` says."""
        after = {name: after_change(known[name], wanted[name]) for name in self.layer.sizes}
        plain = self._plain(pictures, known)
        hidden = self._without_exact
        return self._with_operators(self._drawn(plain, hidden(known), hidden(wanted)), after)

    def missed(self, pictures: tf.Tensor, known: Codes) -> tf.Tensor:
        """As `gcn_tf.config.networks.Transfer` says."""
        _, template, aligned = self._registered(self._plain(pictures, known), self._without_exact(known))
        return missed_share(aligned, template)

    def _plain(self, pictures: tf.Tensor, known: Codes) -> tf.Tensor:
        """The pictures before operators."""
        return self.operators.undo(pictures, self._whole(known)) if self.operators else pictures

    def _with_operators(self, pictures: tf.Tensor, codes: Codes) -> tf.Tensor:
        return self.operators((pictures, self._whole(codes))) if self.operators else pictures

    def _whole(self, codes: Codes) -> dict[str, tf.Tensor]:
        """The codes, with the first value where they are zeros, of which operators do nothing."""
        first = {name: tf.one_hot(0, size)[None] for name, size in self.layer.sizes.items()}
        return {name: after_change(first[name], codes[name]) for name in self.layer.sizes}

    def _without_exact(self, codes: Codes) -> dict[str, tf.Tensor]:
        """The codes with zeros for the factors that operators draw, whose pictures are plain."""
        return {name: codes[name] * (1 - self.layer.hidden[m]) for m, name in enumerate(self.layer.sizes)}

    def _registered(self, pictures: tf.Tensor, known: Codes) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Poses of plain pictures, (B, NUMBERS), and in the pose of the template what their values say and they themselves, (B, H, W, C)."""
        shape = self.layer.image_shape
        shown = tf.concat([known[name] for name in self.layer.sizes], axis=1)
        look = self.usual_look + tf.matmul(shown, tf.cast(self.look_effects, tf.float32))
        template = tf.reshape(look, (-1, *shape))
        pose = self.pose_share * registered_onto(template, pictures, self.variance)
        points = tf.repeat(picture_points(*shape[:2])[None], tf.shape(pictures)[0], axis=0)
        return pose, template, tf.reshape(sample(pictures, in_picture(pose, points)), (-1, *shape))

    def _drawn(self, pictures: tf.Tensor, known: Codes, wanted: Codes) -> tf.Tensor:
        """What `draw` gives, of plain pictures."""
        names, shape = list(self.layer.sizes), self.layer.image_shape
        changed = {name: tf.reduce_sum(wanted[name], axis=1, keepdims=True) for name in names}
        shown = tf.concat([known[name] for name in names], axis=1)
        difference = tf.concat([wanted[name] - changed[name] * known[name] for name in names], axis=1)
        own_pose, template, aligned = self._registered(pictures, known)
        usual_pose = self.usual_pose + tf.matmul(shown, self.pose_effects)
        missed = aligned - template
        points = tf.repeat(picture_points(*shape[:2])[None], tf.shape(pictures)[0], axis=0)

        # A cell that differs in nothing is the picture itself; the more it differs, the more is shrunk of what only the picture has.
        moved = tf.reduce_max(tf.abs(difference), axis=1, keepdims=True)
        believed = 1 - moved * (1 - self.believed_pose)
        pose = usual_pose + tf.matmul(difference, self.pose_effects) + believed * (own_pose - usual_pose)
        light = self._light(missed, changed)
        target = shown + difference
        looks = self.believed_look * self._features(missed) + tf.matmul(
            tf.concat([(1 - changed[name]) * known[name] for name in names], axis=1),
            tf.cast(self.features, tf.float32),
        )

        first = {name: tf.one_hot(0, size)[None] for name, size in self.layer.sizes.items()}
        cells, weights = self.layer.heaviest_cells(
            {name: wanted[name] + (1 - changed[name]) * first[name] for name in names}
        )
        used = tf.reduce_max(tf.reduce_sum(tf.cast(weights > 0, tf.int32), axis=1))

        def drawn(n: int | tf.Tensor) -> tf.Tensor:
            taken, own = self._nearest(tf.gather(cells, n, axis=1), known, changed, looks)
            theirs = tf.cast(tf.gather(self.layer.pictures, taken), tf.float32) / 255.0
            source = tf.where(own[:, None, None, None], pictures, theirs)
            cell = tf.gather(self.layer.cells, taken)
            source_pose = tf.where(own[:, None], own_pose, tf.gather(self.layer.poses, cell))
            code = tf.where(own[:, None], shown, self.layer.codes_of(cell))
            added = tf.tensordot(target - code, self.layer.light, 1)
            added += tf.where(own[:, None, None, None], 0.0, light)
            values = redrawn_at(points, source, source_pose, pose, tf.ensure_shape(added, (None, *shape)))
            return values * tf.gather(weights, n, axis=1)[:, None, None]

        made = tf.while_loop(
            lambda n, total: n < used, lambda n, total: (n + 1, total + drawn(n)), (1, drawn(0))
        )[1]
        return tf.reshape(made, (-1, *shape))

    def _light(self, missed: tf.Tensor, changed: Codes) -> tf.Tensor:
        """Light of the kept factors, float32 (B, H, W, C): the mean of what each of them would be given."""
        total, count = tf.zeros_like(missed), tf.zeros_like(next(iter(changed.values())))
        for name, (side, share) in self.light.items():
            kept = 1 - changed[name]
            total += (kept * share)[:, None, None] * averaged_over(missed, side)
            count += kept
        return tf.math.divide_no_nan(total, count[:, None, None])

    def _nearest(
        self, cells: tf.Tensor, known: Codes, changed: Codes, looks: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The seen picture nearest to what is wanted, int32 (B,), and whether the given picture is nearer, bool (B,).

        Args:
            cells: int32 (B,). The changed factors have the wanted values in them.
            looks: float32 (B, d). Features of what stays as it is.
        """
        similar = tf.matmul(looks, tf.cast(self.features, tf.float32), transpose_b=True)
        seen = tf.reduce_sum(looks**2, axis=1, keepdims=True)
        own, rows, start = 0.0, {}, 0
        for m, (name, size) in enumerate(self.layer.sizes.items()):
            apart = tf.gather(self.apart[name], cells // self.layer.strides[m] % size)  # (B, K_f)
            kept = 1 - changed[name]
            seen += changed[name] * tf.gather(apart, self.ids[:, m], axis=1)
            seen -= 2 * kept * tf.gather(similar, start + self.ids[:, m], axis=1)
            shown = tf.argmax(known[name], axis=1, output_type=tf.int32)
            own += changed[name][:, 0] * tf.gather(apart, shown, batch_dims=1)
            rows[name] = start + self.ids[:, m]
            start += size
        for one, first in rows.items():
            for other, second in rows.items():
                both = tf.gather_nd(self.products, tf.stack([first, second], axis=1))
                seen += (1 - changed[one]) * (1 - changed[other]) * both
        return tf.argmin(seen, axis=1, output_type=tf.int32), own < tf.reduce_min(seen, axis=1)

    def _features(self, looks: tf.Tensor) -> tf.Tensor:
        """Numbers whose squared differences are those of `value_distances`: float32 (B, H, W, C) -> (B, d)."""
        light = _large_parts(looks)
        form = looks - averaged_over(looks, LARGE_PARTS)
        parts = (
            form * float(np.prod(form.shape[1:])) ** -0.5,
            light * (LIGHT / np.prod(light.shape[1:])) ** 0.5,
        )
        return tf.concat([tf.reshape(part, (-1, int(np.prod(part.shape[1:])))) for part in parts], axis=1)


def averaged_over(pictures: tf.Tensor, side: int) -> tf.Tensor:
    """`gcn_tf.model.references.light.averaged` as a graph operation: float32 (B, H, W, C) -> (B, H, W, C)."""
    down, across = (enlarging(length, side) @ _means(length, side) for length in pictures.shape[1:3])
    return tf.einsum("Hh,nhwc,Ww->nHWc", down, pictures, across)


def _large_parts(pictures: tf.Tensor) -> tf.Tensor:
    """`gcn_tf.model.references.nearest.large_parts` as a graph operation."""
    down, across = (_means(length, LARGE_PARTS) for length in pictures.shape[1:3])
    return tf.einsum("hH,nHWc,wW->nhwc", down, pictures, across)


def _means(length: int, side: int) -> np.ndarray:
    """Matrix that takes the means of `side` pixels along a picture's side: float32 (ceil(length / side), length)."""
    part = np.arange(length) // side
    chosen = (part == np.arange(part[-1] + 1)[:, None]).astype(np.float32)
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))
