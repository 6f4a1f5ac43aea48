"""Draw a face as relief and colour: a person, an expression and a shot become pixels.

The face is a height field over the picture plane, a skull with nose, sockets, lips and folds as smooth bumps, whose
slopes are shaded; eyes, brows, lips and hair are painted on it. Everything is a formula of the position in units of
75 mm, with the origin between the eyes, x to the right and y down, so that any resolution shows the same face.
"""

import numpy as np
from numpy.typing import NDArray

from gcn_tf.pipelines.procedural.faces.emotions import Expression
from gcn_tf.pipelines.procedural.faces.features import body, brows, ears, eyes, glints, mouth
from gcn_tf.pipelines.procedural.faces.hair import Hair, beard, hair_tone
from gcn_tf.pipelines.procedural.faces.persons import SKINS, Person, Shot
from gcn_tf.pipelines.procedural.faces.plane import (
    Field,
    Noise,
    Plane,
    blend_scale,
    bump,
    face_plane,
    over,
    rgb,
    smoothstep,
)
from gcn_tf.pipelines.procedural.faces.relief import Geometry, relief, shade, skull
from gcn_tf.pipelines.procedural.traits import random_generator

BACKGROUND = (188, 186, 180)


def draw(
    p: Person, e: Expression, shot: Shot, size: tuple[int, int], centre: tuple[float, float], unit: float
) -> NDArray[np.uint8]:
    """Draw one picture: uint8 (height, width, 3) in [0, 255], RGB."""
    plane = face_plane(p, shot, size, centre, unit)
    g = Geometry(p, e)
    x, y = plane.x, plane.y
    image = np.empty((*size, 3), np.float32)
    image[:] = rgb(BACKGROUND)
    image *= (1.0 - 0.05 * (plane.page_x**2 + plane.page_y**2) / 4)[..., None]
    hair = Hair(p)
    hair.behind(image, plane)
    body(image, p, g, plane, shot)
    ears(image, p, plane, shot)
    head = plane.inside((1 - skull(p, g, x, y)) * 0.9)
    z = relief(p, e, g, x, y)
    diffuse, gloss = shade(z, plane.pixel, shot.light)
    skin = skin_colour(p, e, g, plane)
    eyes(skin, p, g, plane)
    mouth(skin, p, e, g, plane)
    brows(skin, p, e, g, plane)
    over(
        image,
        skin * diffuse[..., None] + (16 * gloss * (1 - 0.4 * hair.beard_mask(plane, g)))[..., None],
        head,
    )
    glints(image, p, g, plane)
    hair.before(image, plane, g, shot)
    return np.round(np.clip(image * shot.brightness, 0, 255)).astype(np.uint8)


def skin_colour(p: Person, e: Expression, g: Geometry, plane: Plane) -> Field:
    x, y = plane.x, plane.y
    side = np.abs(x)
    tone = blend_scale(SKINS, p.skin)
    skin = np.empty((*x.shape, 3), np.float32)
    skin[:] = tone
    red = 0.5 * p.redness * bump(side, y, 0.52, 0.45, 0.25, 0.22) + 0.35 * p.redness * bump(
        x, y, 0, g.nose, 0.15, 0.15
    )
    skin *= 1 - red[..., None] * rgb([0.02, 0.2, 0.2])
    shadow = 0.2 * bump(side, y, p.eye_distance, -0.02, 0.24, 0.13) + 0.1 * p.age * bump(
        side, y, p.eye_distance, 0.14, 0.2, 0.05
    )
    skin *= 1 - shadow[..., None] * rgb([0.8, 1.0, 0.9])
    noise = Noise(random_generator(p.seed, p.number, 3), 14, (6, 26))
    skin *= 1 + 0.012 * noise(x, y)[..., None]
    if p.freckles:
        spots = Noise(random_generator(p.seed, p.number, 4), 16, (45, 70))(x, y)
        where = bump(side, y, 0.34, 0.3, 0.36, 0.25) + bump(x, y, 0, 0.2, 0.2, 0.2)
        over(skin, 0.72 * tone, 0.8 * p.freckles * smoothstep(1.2, 2.0, spots) * np.clip(where, 0, 1))
    # The fold of the eyelid, the nostrils and the shadow below the nose.
    fold = g.lid_up + 0.055
    u = (side - p.eye_distance) / (1.15 * p.eye_width)
    crease = np.exp(-(((y + fold * np.clip(1 - u * u, 0, 1) ** 0.5 + p.eye_tilt * u) / 0.02) ** 2)) * np.clip(
        1.1 - u * u, 0, 1
    )
    skin *= 1 - 0.35 * p.lid_fold * crease[..., None]
    nostril = bump(side, y, 0.52 * p.nose_width, g.nose + 0.045, 0.045, 0.022)
    skin *= 1 - 0.85 * np.clip(1.3 * nostril, 0, 1)[..., None]
    skin *= 1 - 0.22 * bump(x, y, 0, g.nose + 0.085, p.nose_width, 0.04)[..., None]
    if not p.female and p.stubble:
        grain = 0.8 + 0.2 * Noise(random_generator(p.seed, p.number, 5), 12, (60, 110))(x, y)
        colour = 0.35 * tone + 0.65 * hair_tone(p)
        over(skin, colour, np.clip(0.5 * p.stubble * beard(p, g, x, y) * grain, 0, 1))
    if not p.female and p.moustache:
        v: Field = x / (1.05 * g.mouth_w)
        middle = 0.5 * (g.nose + g.mouth_y - g.open_up) + 0.03 + 0.07 * v**2 + 0.5 * g.corner * v**2
        hairs = 0.85 + 0.15 * np.sin(90 * x + 30 * y * np.sign(x))
        thick = plane.inside(
            0.075 * p.moustache * np.clip(1.15 - v * v, 0, 1) ** 0.5 - np.abs(y - middle), 0.05
        )
        over(skin, hair_tone(p) * 1.1, 0.9 * thick * hairs * (np.abs(v) < 1.1))
    return skin
