"""Features painted on the skin or beside it: eyes, brows, mouth, neck, ears."""

import numpy as np

from gcn_tf.pipelines.procedural.faces.emotions import Expression
from gcn_tf.pipelines.procedural.faces.hair import hair_tone
from gcn_tf.pipelines.procedural.faces.persons import IRISES, SKINS, Person, Shot
from gcn_tf.pipelines.procedural.faces.plane import Field, Plane, blend_scale, bump, over, rgb, smoothstep
from gcn_tf.pipelines.procedural.faces.relief import Geometry

SHIRT = (112, 114, 120)
SCLERA = (232, 228, 222)
MOUTH_INSIDE = (58, 18, 20)
TEETH = (236, 230, 216)
TONGUE = (168, 84, 84)
LIPS = (176, 74, 76)


def eyes(skin: Field, p: Person, g: Geometry, plane: Plane) -> None:
    x, y = plane.x, plane.y
    side = np.abs(x) - p.eye_distance
    u = side / p.eye_width
    arch = np.clip(1 - u * u, 0, 1)
    tilt = -p.eye_tilt * u
    upper = tilt - g.lid_up * arch ** (0.62 + 0.1 * (u < 0))
    lower = tilt + g.lid_low * arch**0.8
    inside = plane.inside(np.minimum(y - upper, lower - y)) * (np.abs(u) < 1)
    ball: Field = np.empty((*x.shape, 3), np.float32)
    ball[:] = SCLERA
    ball *= (1.0 - 0.28 * u**2)[..., None]
    distance = np.hypot(side * 1.0, y + 0.012)
    iris = blend_scale(IRISES, p.iris)
    rays = 1 + 0.12 * np.sin(17 * np.arctan2(y + 0.012, side))
    tone = iris * (rays * (0.75 + 3.5 * distance))[..., None]
    over(ball, tone, plane.inside(0.085 - distance))
    over(ball, 0.35 * iris, plane.inside(0.012 - np.abs(distance - 0.082), 0.015) * 0.8)
    over(ball, (14, 12, 12), plane.inside(0.036 - distance))
    ball *= (1 - 0.5 * np.clip(1 - (y - upper) / 0.06, 0, 1))[..., None]  # the upper lid's shadow
    over(skin, ball, inside)
    near = (np.abs(u) < 1.06).astype(np.float32)
    lash = np.exp(-(((y - upper) / (0.016 if p.female else 0.012)) ** 2)) * near
    over(skin, (34, 24, 22), np.clip((0.95 if p.female else 0.75) * lash, 0, 1))
    over(skin, 0.55 * blend_scale(SKINS, p.skin), 0.5 * np.exp(-(((y - lower) / 0.012) ** 2)) * near)


def glints(image: Field, p: Person, g: Geometry, plane: Plane) -> None:
    for centre in (-p.eye_distance, p.eye_distance):
        top = max(-0.035, -g.lid_up + 0.03)
        over(
            image,
            (250, 250, 250),
            0.85 * plane.inside(0.018 - np.hypot(plane.x - centre + 0.022, plane.y - top), 0.02),
        )


def brows(skin: Field, p: Person, e: Expression, g: Geometry, plane: Plane) -> None:
    side = np.abs(plane.x) - g.brow_x
    u = side / p.brow_length  # -1 at the inner end, 1 at the outer
    t = np.clip((u + 1) / 2, 0, 1)
    arch = p.brow_arch * (1 - 0.8 * e.brow_down) * np.sin(np.pi * t**1.4)
    middle = g.brow_inner + (g.brow_outer - g.brow_inner) * t - arch + 0.05 * np.clip(t - 0.7, 0, 1)
    thick = p.brow_thickness * (0.75 if p.female else 1.0) * (1 - 0.6 * t**2)
    reach = plane.inside(1.02 - np.abs(u), 0.25)
    body = plane.inside(thick - np.abs(plane.y - middle), 0.05) * reach
    hairs = 0.85 + 0.15 * np.sin(170 * side + 110 * (plane.y - middle))
    over(skin, 0.62 * hair_tone(p), np.clip(0.9 * body * hairs, 0, 1))


def mouth(skin: Field, p: Person, e: Expression, g: Geometry, plane: Plane) -> None:
    x, y = plane.x, plane.y
    u = x / g.mouth_w
    arch = np.clip(1 - u * u, 0, 1)
    line = g.mouth_y + g.corner * u * u * (1.25 - 0.25 * np.abs(u))
    square = 0.55  # of the opening's outline: 1 is a parabola, less is rounder
    top, bottom = line - g.open_up * arch**square, line + g.open_low * arch**square
    bow = 1 - 0.22 * np.exp(-((u / 0.12) ** 2)) + 0.1 * np.exp(-(((np.abs(u) - 0.25) / 0.18) ** 2))
    upper = top - g.upper_lip * arch**0.75 * bow
    lower = bottom + g.lower_lip * arch**0.5
    tone = blend_scale(SKINS, p.skin)
    red = 0.35 + 0.5 * p.lip_red if p.female else 0.2 + 0.25 * p.lip_red
    lips = (1 - red) * tone * rgb([0.88, 0.72, 0.72]) + red * rgb(LIPS) * (0.55 + 0.45 * tone / tone.max())
    lip = plane.inside(np.minimum(y - upper, lower - y), 0.022) * (arch > 0)
    over(skin, lips * np.where(y < line, 0.86, 1.0)[..., None].astype(np.float32), lip)
    gap = plane.inside(np.minimum(y - top, bottom - y)) * (arch > 0)
    if g.open_up + g.open_low > 0.02:
        inside = np.empty((*x.shape, 3), np.float32)
        inside[:] = MOUTH_INSIDE
        over(
            inside,
            TONGUE,
            0.7
            * smoothstep(0.0, 0.1, y - bottom + 0.11)
            * bump(x, y, 0, g.mouth_y + g.open_low, 0.7 * g.mouth_w, 0.2),
        )
        edge = 0.08 + 0.04 * max(e.corners_up, 0) + 0.02 * e.upper_lip_up
        teeth = plane.inside(top + edge * arch**0.3 - y, 0.02) * (0.93 - 0.35 * u**4)
        gaps = 1 - 0.12 * np.exp(-((np.sin(np.pi * x / 0.095) / 0.22) ** 2))
        over(inside, TEETH, np.clip(teeth * gaps, 0, 1))
        if e.corners_out > 0.3 and e.corners_up < 0:  # fear bares the lower teeth
            over(inside, TEETH, 0.85 * plane.inside(y - bottom + 0.05 * arch**0.3, 0.02))
        inside *= (1 - 0.45 * np.clip(1 - (y - top) / 0.05, 0, 1))[..., None]
        over(skin, inside, gap)
    closed = np.exp(-(((y - line) / 0.014) ** 2)) * plane.inside(1.05 - np.abs(u), 0.15)
    over(skin, 0.3 * tone, (0.8 if g.open_up + g.open_low < 0.03 else 0.0) * closed)
    corner = bump(np.abs(x), y, 1.0 * g.mouth_w, g.mouth_y + g.corner, 0.035, 0.025)
    over(skin, 0.35 * tone, 0.55 * corner)


def body(image: Field, p: Person, g: Geometry, plane: Plane, shot: Shot) -> None:
    x, y = plane.page_x, plane.page_y
    width = (0.56 if p.female else 0.68) * p.head_width / 0.93
    neck = width + 0.1 * smoothstep(1.3, 1.95, y)
    light = 0.9 - 0.32 * (x / width) ** 2 + 0.12 * np.clip(-x / width, -1, 1) * np.sign(shot.light[0])
    shadow = 1 - 0.45 * np.exp(-(((y - p.chin_length - 0.05) / 0.28) ** 2))
    tone = blend_scale(SKINS, p.skin) * (np.clip(light, 0.3, 1) * shadow)[..., None]
    over(image, tone, plane.inside(neck - np.abs(x)) * (y > 0.4))
    shoulder = 1.8 + 0.32 * np.clip(np.abs(x) - 0.55, 0, None) ** 1.4
    collar = np.minimum(shoulder, 1.8) + 0.22 * np.clip(1 - (x / 0.75) ** 2, 0, 1)
    cloth = plane.inside(y - np.where(np.abs(x) < 0.75, collar, shoulder)) * plane.inside(2.3 - np.abs(x))
    folds = 0.92 + 0.05 * np.sin(5 * x + 2 * y) - 0.1 * np.abs(x) / 2
    over(image, rgb(SHIRT) * folds[..., None], cloth)


def ears(image: Field, p: Person, plane: Plane, shot: Shot) -> None:
    side = np.abs(plane.x) - p.head_width - p.ear_out + 0.04
    r = np.hypot(side / 0.12, (plane.y - 0.14) / (0.29 * p.ear_size))
    light = 0.86 - 0.3 * np.exp(-(((r - 0.55) / 0.22) ** 2)) - 0.25 * smoothstep(0.75, 1.0, r)
    tone = blend_scale(SKINS, p.skin) * rgb([1.0, 0.93, 0.92]) * light[..., None]
    over(image, tone, plane.inside((1 - r) * 0.12))
