"""Hair: a cap above the hairline, long hair behind the head, and beards."""

import numpy as np

from gcn_tf.pipelines.procedural.faces.persons import HAIRS, Person, Shot
from gcn_tf.pipelines.procedural.faces.plane import Field, Noise, Plane, blend_scale, over, rgb, smoothstep
from gcn_tf.pipelines.procedural.faces.relief import Geometry, shade
from gcn_tf.pipelines.procedural.traits import random_generator


def hair_tone(p: Person) -> Field:
    tone = blend_scale(HAIRS, p.hair)
    return tone + p.greyness * (rgb([168, 166, 164]) - tone)


def beard(p: Person, g: Geometry, x: Field, y: Field) -> Field:
    """Where a beard grows: the jaw and the upper lip."""
    side = np.abs(x)
    jaw = smoothstep(0.35, 0.75, y + 0.35 * smoothstep(0.5, 0.85, side) - 0.25 * smoothstep(0.35, 0.0, side))
    lip = smoothstep(g.nose + 0.02, g.nose + 0.12, y) * smoothstep(g.mouth_w + 0.15, g.mouth_w, side)
    return np.clip(np.maximum(jaw * smoothstep(g.mouth_y - 0.1, g.mouth_y + 0.1, y + side * 0.6), lip), 0, 1)


class Hair:
    """The hair of one person: a cap above the hairline, long hair behind the head, and a beard."""

    def __init__(self, p: Person) -> None:
        self.p = p
        self.tone = hair_tone(p)
        rng = random_generator(p.seed, p.number, 6)
        self.strands = rng.uniform(18, 75, 10), rng.uniform(0, 2 * np.pi, 10), rng.uniform(-3, 3, 10)
        self.waves = Noise(rng, 8, (5, 13))
        self.curls = Noise(rng, 12, (20, 34))
        self.bald = p.bald and not p.female

    def texture(self, x: Field, y: Field) -> Field:
        """Brightness of strands that fall from the parting."""
        angle = np.arctan2(x - self.p.hair_part * 0.5, y + 1.75)
        radius = np.hypot(x, y + 1.75)
        total = np.zeros_like(x)
        for k, phase, bend in zip(*self.strands, strict=True):
            total += np.sin(k * angle + phase + bend * radius)
        plain = 1 + 0.07 * total / np.sqrt(10) * 1.6
        if self.p.hair_curl:
            plain = plain * (1 + 0.16 * self.p.hair_curl * self.curls(x, y))
        return plain

    def outline(self, x: Field, y: Field, grown: float) -> Field:
        """Signed distance from the edge of the hair on the skull, positive inside."""
        p = self.p
        wavy = 0.03 * (0.3 + p.hair_curl) * self.waves(x, y)
        width, height = p.head_width + 0.5 * grown + 0.02, p.head_height + grown
        r = ((np.abs(x) / width) ** 2.3 + (np.maximum(-y, 0) / height) ** 2.3) ** (1 / 2.3)
        return 1 - r + wavy

    def behind(self, image: Field, plane: Plane) -> None:
        p = self.p
        if not (p.female and p.long_hair):
            return
        x, y = plane.x, plane.y
        grown = p.hair_volume + 0.05
        length = 0.6 + 1.5 * p.long_hair
        width = p.head_width + 0.5 * grown + 0.02 + 0.08 * np.clip(y, 0, 2) + 0.03 * self.waves(x, y)
        tip = length - y - 0.25 * np.clip(np.abs(x) - 0.7, 0, None) ** 2 + 0.04 * np.sin(23 * x)
        fall = np.where(y < 0, self.outline(x, y, grown), np.minimum(width - np.abs(x), tip))
        light = 0.62 + 0.25 * np.clip(1 - np.abs(np.abs(x) - 0.95) / 0.35, 0, 1)
        over(image, self.tone * (light * self.texture(x, y))[..., None], plane.inside(fall, 0.05))

    def hairline(self, x: Field) -> Field:
        """Height of the hairline's lower edge (y); it falls to the ears at the sides."""
        p = self.p
        middle: Field = np.full_like(x, -p.hairline)
        if not p.female:
            middle = middle - 0.28 * p.receding * np.clip(np.abs(x) / 0.5, 0.25, 1) * smoothstep(
                0.85, 0.55, np.abs(x)
            )
        if p.female and p.fringe:
            middle = middle + (0.42 * p.fringe) * smoothstep(0.85, 0.5, np.abs(x - 0.1))
        part = 0.08 * np.exp(-(((x - p.hair_part) / 0.16) ** 2))
        rise = middle - part
        fall = 0.12 if not p.female else 0.25
        u = np.abs(x) / p.head_width
        return rise + (fall + p.hairline) * smoothstep(0.62, 1.0, u)

    def before(self, image: Field, plane: Plane, g: Geometry, shot: Shot) -> None:
        p = self.p
        x, y = plane.x, plane.y
        grown = 0.02 if self.bald else p.hair_volume
        edge = self.hairline(x)
        if self.bald:
            edge = np.where(np.abs(x) > 0.8 * p.head_width, edge, -9) * np.ones_like(x)
        jag = 0.018 * self.waves(3 * x, y)
        mask = plane.inside(np.minimum(self.outline(x, y, grown), edge - y + jag), 0.07)
        z = (
            0.9
            * np.clip(1 - (np.abs(x) / (p.head_width + 0.2)) ** 2 - (y / (p.head_height + 0.3)) ** 2, 0, 1)
            ** 0.5
        )
        diffuse, _ = shade(z.astype(np.float32), plane.pixel, shot.light)
        sheen = 0.2 * np.exp(-(((y + 1.12 + 0.12 * x**2) / 0.14) ** 2)) * (p.hair_curl == 0)
        tone = self.tone * ((0.85 * diffuse + sheen) * self.texture(x, y))[..., None]
        over(image, tone, mask * (0.75 if self.bald else 1.0))

    def beard_mask(self, plane: Plane, g: Geometry) -> Field:
        p = self.p
        return (
            np.float32(p.stubble) * beard(p, g, plane.x, plane.y) if not p.female else np.zeros_like(plane.x)
        )
