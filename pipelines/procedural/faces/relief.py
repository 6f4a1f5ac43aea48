"""The skin as a height field: the parts of a face under an expression, its folds, and its shading."""

import numpy as np
from scipy.ndimage import gaussian_filter

from gcn_tf.pipelines.procedural.faces.emotions import Expression
from gcn_tf.pipelines.procedural.faces.persons import Person
from gcn_tf.pipelines.procedural.faces.plane import Field, bump, smoothstep


class Geometry:
    """Positions and sizes of the parts of one face under one expression."""

    def __init__(self, p: Person, e: Expression) -> None:
        self.chin = p.chin_length + 0.2 * e.jaw_down - 0.02 * e.chin_up
        self.nose = p.nose_length - 0.04 * e.nose_wrinkled
        self.mouth_y = (
            p.nose_length + p.mouth_height + 0.02 * e.jaw_down - 0.03 * e.upper_lip_up - 0.02 * e.chin_up
        )
        self.mouth_w = p.mouth_width * (1 + 0.28 * e.corners_out + 0.1 * max(e.corners_up, 0))
        self.corner = -0.13 * e.corners_up  # of the mouth's corners, downwards
        self.open_up = 0.05 * e.lips_apart + 0.05 * e.upper_lip_up * (e.lips_apart > 0) + 0.02 * e.jaw_down
        self.open_low = 0.13 * e.lips_apart + 0.2 * e.jaw_down
        thin = 1 - 0.55 * max(e.lips_pressed, 0) - 0.25 * max(e.corners_out, 0)
        self.upper_lip = 0.085 * p.lip_fullness * thin * (1 - 0.3 * e.upper_lip_up)
        self.lower_lip = 0.115 * p.lip_fullness * thin * (1 + 0.12 * e.chin_up)
        self.lid_up = 0.083 * p.eye_height * max(0.25, 1 + 0.5 * e.upper_lid_up - 0.28 * e.brow_down)
        self.lid_low = (
            0.05 * p.eye_height * max(0.1, 1 - 0.75 * e.lower_lid_up + 0.12 * max(e.upper_lid_up, 0))
        )
        self.brow_inner = (
            -p.brow_height - 0.13 * e.brow_inner_up + 0.11 * e.brow_down + 0.02 * e.nose_wrinkled
        )
        self.brow_outer = -p.brow_height - 0.13 * e.brow_outer_up + 0.03 * e.brow_down
        self.brow_x = p.eye_distance + 0.02 - 0.05 * e.brow_together


def skull(p: Person, g: Geometry, x: Field, y: Field) -> Field:
    """Distance from the middle relative to the outline: 1 on the edge of the face."""
    down = np.clip(y / g.chin, 0, 1)
    width = p.head_width * np.where(y < 0, 1 - 0.06 * np.clip(-y, 0, 1.5) ** 2, 1 - p.jaw_taper * down**1.6)
    vertical = np.where(y < 0, -y / p.head_height, y / g.chin)
    power = np.where(y < 0, 2.2, 2.2 + (p.jaw_squareness - 2.2) * smoothstep(0, 0.6, down))
    return ((np.abs(x) / width) ** power + np.maximum(vertical, 0) ** power) ** (1 / power)


def relief(p: Person, e: Expression, g: Geometry, x: Field, y: Field) -> Field:
    """Height of the skin above the picture plane, in units."""
    side = np.abs(x)
    r = np.clip(skull(p, g, x, y), 0, 1)
    z = 0.95 * (1 - r**2.4) ** 0.62
    # Sockets, eyeballs, brow ridge and forehead.
    z -= 0.11 * bump(side, y, p.eye_distance, -0.03, 0.24, 0.15)
    z += 0.07 * bump(side, y, p.eye_distance, 0.0, 0.15, 0.12)
    ridge = (0.035 if p.female else 0.06) + 0.02 * e.brow_down
    z += ridge * bump(side, y, p.eye_distance - 0.05, g.brow_inner + 0.03, 0.3, 0.1)
    z += 0.03 * bump(x, y, 0, -0.72, 0.6, 0.3)
    # Nose: a ridge that rises to the tip, the tip and the wings.
    along = np.clip((y + 0.12) / (g.nose + 0.04), 0, 1.08)
    ridge_width = 0.075 + 0.05 * along**3
    z += (
        p.nose_height
        * along**1.3
        * np.exp(-((x / ridge_width) ** 2))
        * smoothstep(g.nose + 0.1, g.nose - 0.03, y)
    )
    z += 0.1 * bump(x, y, 0, g.nose - 0.03, 0.11, 0.085)
    z += 0.11 * bump(side, y, 0.74 * p.nose_width, g.nose - 0.015, 0.065, 0.07)
    # Cheeks, raised by a smile; folds from the nose to the mouth.
    lift = 0.12 * e.cheek_up
    z += (0.06 + 0.08 * e.cheek_up) * bump(side, y, 0.5, 0.42 - lift, 0.26, 0.22)
    fold = 0.015 + 0.025 * p.age + 0.045 * max(e.corners_up, 0) + 0.045 * e.upper_lip_up + 0.01 * e.cheek_up
    down = np.clip((y - g.nose + 0.08) / (g.mouth_y - g.nose + 0.12), 0, 1)
    line = p.nose_width + 0.04 + (g.mouth_w + 0.08 - p.nose_width) * down**1.2
    z -= fold * np.exp(-(((side - line) / 0.075) ** 2)) * np.sin(np.pi * down)
    z += 0.7 * fold * np.exp(-(((side - line - 0.15) / 0.13) ** 2)) * np.sin(np.pi * down)
    # Lips, philtrum, chin.
    u = np.clip(x / g.mouth_w, -1, 1)
    curve = g.mouth_y + g.corner * u**2
    full = np.clip(1 - (x / (1.1 * g.mouth_w)) ** 2, 0, 1)
    z += 0.055 * full * np.exp(-(((y - curve + g.open_up + 0.045) / 0.07) ** 2))
    z += 0.065 * full * np.exp(-(((y - curve - g.open_low - 0.055) / 0.075) ** 2))
    z -= 0.05 * bump(x, y, 0, g.mouth_y + g.open_low + g.lower_lip + 0.09, 0.22, 0.06)
    z -= 0.025 * bump(x, y, 0, 0.5 * (g.nose + g.mouth_y), 0.045, 0.08)
    chin = g.chin - 0.2
    z += (0.07 + 0.02 * e.chin_up) * bump(x, y, 0, chin, 0.24, 0.15)
    z -= 0.06 * bump(side, y, g.mouth_w + 0.03, g.mouth_y + g.corner, 0.07, 0.07)
    return z - wrinkles(p, e, g, x, y)


def wrinkles(p: Person, e: Expression, g: Geometry, x: Field, y: Field) -> Field:
    """Depth of the folds that age and expression cause."""
    side = np.abs(x)
    raised = max(e.brow_inner_up, 0) * 0.7 + max(e.brow_outer_up, 0) * 0.4
    forehead = (0.007 * p.age + 0.016 * raised) * smoothstep(-0.88, -0.74, y) * smoothstep(-0.36, -0.46, y)
    forehead *= smoothstep(0.75, 0.35, side)
    depth = forehead * (0.5 + 0.5 * np.cos(2 * np.pi * (y + 0.05 * np.cos(2.2 * x)) / 0.12))
    frown = 0.008 * p.age + 0.03 * e.brow_together
    depth += frown * np.exp(-(((side - 0.075) / 0.03) ** 2)) * bump(x, y, 0, g.brow_inner + 0.03, 0.2, 0.1)
    nose = 0.022 * e.nose_wrinkled * bump(x, y, 0, 0.03, 0.19, 0.12)
    depth += nose * (0.5 + 0.5 * np.cos(2 * np.pi * (y - 0.4 * side) / 0.1))
    feet = (0.006 * p.age + 0.011 * e.cheek_up) * bump(side, y, p.eye_distance + 0.31, 0.0, 0.09, 0.13)
    depth += feet * (0.5 + 0.5 * np.cos(2 * np.pi * (y - 0.35 * (side - 0.6)) / 0.075))
    bag = (0.012 + 0.025 * p.age + 0.025 * e.lower_lid_up) * np.exp(
        -(((y - g.lid_low - 0.075 + 0.25 * (side - p.eye_distance) ** 2) / 0.03) ** 2)
    )
    depth += bag * np.exp(-(((side - p.eye_distance) / 0.18) ** 2))
    return depth + 0.008 * e.chin_up * _dimples(x, y, g)


def _dimples(x: Field, y: Field, g: Geometry) -> Field:
    """The skin of a chin that is pushed up."""
    return bump(x, y, 0, g.chin - 0.22, 0.17, 0.11) * (np.sin(38 * x + 3 * y) * np.sin(34 * y))


def shade(z: Field, pixel: float, light: tuple[float, float]) -> tuple[Field, Field]:
    """Shade a height field: diffuse light of key, fill and room, and the gloss of the key light."""
    dy, dx = np.gradient(z, np.float32(pixel))
    norm = 1 / np.sqrt(1 + dx * dx + dy * dy)
    normal = (-dx * norm, -dy * norm, norm)

    def lit(direction: tuple[float, float, float]) -> Field:
        length = float(np.linalg.norm(direction))
        return sum(n * np.float32(d / length) for n, d in zip(normal, direction, strict=True))

    key, fill = (light[0], light[1], 0.9), (-1.6 * light[0], -0.1, 0.9)
    diffuse = 0.34 + 0.55 * np.maximum(lit(key), 0) + 0.22 * np.maximum(lit(fill), 0)
    half = (key[0] / 2, key[1] / 2, 1.0)
    gloss = np.maximum(lit(half), 0) ** 24
    sunk = gaussian_filter(z, 0.09 / pixel) - z
    return diffuse * (1 - np.clip(1.6 * sunk, -0.06, 0.35)), gloss
