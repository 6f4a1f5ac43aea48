"""Procedural persons, and how they pose in front of the camera."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.pipelines.procedural.faces.emotions import EMOTIONS, EXPRESSIONS, Expression
from gcn_tf.pipelines.procedural.traits import Between, draw_traits, random_generator

# sRGB of skin, hair and iris, from light to dark.
SKINS = ((244, 210, 188), (229, 184, 152), (205, 154, 118), (164, 112, 78), (112, 73, 50))
HAIRS = ((206, 172, 112), (150, 100, 58), (96, 62, 38), (52, 36, 28), (24, 20, 20))
IRISES = ((104, 142, 168), (96, 122, 84), (118, 86, 48), (66, 42, 26))


@dataclass(frozen=True, kw_only=True)
class Person:
    """What stays the same from picture to picture. Lengths are in units of 75 mm, the origin is between the eyes."""

    seed: int
    number: int
    female: Annotated[bool, 0.5]
    skin: Annotated[float, Between(0.0, 4.0)]  # position on the scale of SKINS
    redness: Annotated[float, Between(0.0, 1.0)]
    hair: Annotated[float, Between(0.0, 4.0)]  # position on the scale of HAIRS
    greyness: Annotated[float, Between(0.3, 0.9, odds=0.15)]
    iris: Annotated[float, Between(0.0, 3.0)]
    age: Annotated[float, Between(0.0, 1.0)]  # depth of wrinkles and bags
    head_width: Annotated[float, Between(0.86, 1.0)]  # half of it, at the cheek bones
    head_height: Annotated[float, Between(1.36, 1.5)]  # of the skull above the eyes
    chin_length: Annotated[float, Between(1.3, 1.52)]  # below the eyes
    jaw_taper: Annotated[float, Between(0.08, 0.34)]
    jaw_squareness: Annotated[float, Between(2.1, 3.2)]
    eye_distance: Annotated[float, Between(0.38, 0.46)]  # half of it
    eye_width: Annotated[float, Between(0.165, 0.21)]  # half of it
    eye_height: Annotated[float, Between(0.95, 1.25)]  # of the opening, relative
    eye_tilt: Annotated[float, Between(-0.02, 0.05)]  # of the outer corner, upwards
    lid_fold: Annotated[float, Between(0.2, 1.0)]
    brow_height: Annotated[float, Between(0.25, 0.33)]
    brow_thickness: Annotated[float, Between(0.035, 0.075)]
    brow_arch: Annotated[float, Between(0.0, 0.09)]
    brow_length: Annotated[float, Between(0.2, 0.27)]  # half of it
    nose_length: Annotated[float, Between(0.46, 0.6)]
    nose_width: Annotated[float, Between(0.14, 0.23)]  # half of it, at the wings
    nose_height: Annotated[float, Between(0.24, 0.4)]
    mouth_height: Annotated[float, Between(0.28, 0.36)]  # below the nose
    mouth_width: Annotated[float, Between(0.28, 0.38)]  # half of it
    lip_fullness: Annotated[float, Between(0.7, 1.5)]
    lip_red: Annotated[float, Between(0.2, 1.0)]
    ear_size: Annotated[float, Between(0.8, 1.2)]
    ear_out: Annotated[float, Between(0.0, 0.09)]
    hairline: Annotated[float, Between(0.66, 0.95)]  # above the eyes
    hair_volume: Annotated[float, Between(0.03, 0.16)]
    hair_part: Annotated[float, Between(-0.5, 0.5)]
    hair_curl: Annotated[float, Between(0.5, 1.0, odds=0.3)]
    receding: Annotated[float, Between(0.3, 1.0, odds=0.35)]  # men only
    bald: Annotated[bool, 0.1]  # men only
    long_hair: Annotated[float, Between(0.5, 1.0, odds=0.75)]  # women only
    fringe: Annotated[float, Between(0.5, 1.0, odds=0.3)]  # women only
    stubble: Annotated[float, Between(0.0, 0.8, odds=0.6)]  # men only
    moustache: Annotated[float, Between(0.5, 1.0, odds=0.2)]  # men only
    freckles: Annotated[float, Between(0.3, 1.0, odds=0.25)]
    strength: Annotated[float, Between(0.8, 1.1)]  # of every expression
    temper: Annotated[float, Between(0.0, 1.0)]  # which part moves more: the brows (0) or the mouth (1)

    @classmethod
    def draw(cls, seed: int, number: int) -> Self:
        """Sample one person from `seed` and `number` alone; raise UserError if one is negative."""
        if seed < 0 or number < 0:
            raise UserError(f"seed {seed}, person {number}: neither may be negative, give 0 or more")
        traits = draw_traits(cls, random_generator(seed, number, 0))
        traits["hair"] = max(traits["hair"], min(4.0, 1.6 * traits["skin"] - 1.6))  # dark skin, dark hair
        return cls(seed=seed, number=number, **traits)

    def expression(self, emotion: str) -> Expression:
        """How this person shows an emotion."""
        whole = EXPRESSIONS[emotion].scaled(self.strength)
        brows, mouth = 1.12 - 0.24 * self.temper, 0.88 + 0.24 * self.temper
        upper = ("brow_inner_up", "brow_outer_up", "brow_down", "brow_together", "upper_lid_up")
        lower = ("corners_up", "corners_out", "upper_lip_up", "lips_apart", "jaw_down")
        return replace(
            whole,
            **{name: brows * getattr(whole, name) for name in upper},
            **{name: mouth * getattr(whole, name) for name in lower},
        )


@dataclass(frozen=True)
class Shot:
    """What differs between two pictures of the same face: little, as in a studio."""

    yaw: float = 0.0  # radians, positive to the picture's right
    pitch: float = 0.0  # radians, positive downwards
    roll: float = 0.0  # radians, clockwise
    shift: tuple[float, float] = (0.0, 0.0)  # units of 75 mm
    scale: float = 1.0
    light: tuple[float, float] = (0.25, -0.4)  # direction of the key light, to the right and downwards
    brightness: float = 1.0
    strength: float = 1.0  # of the expression

    @classmethod
    def draw(cls, person: Person, emotion: str, session: int, take: int = 0) -> Self:
        """Sample a shot: half of the variance belongs to the session of a person, half to the single picture.

        In every other session the key light comes from the other side.
        """
        common = random_generator(person.seed, person.number, 1, session).standard_normal(9)
        key = (2, session, EMOTIONS.index(emotion), take)
        single = random_generator(person.seed, person.number, *key).standard_normal(9)
        side = -0.25 if session % 2 else 0.25
        z = np.clip((common + single) / np.sqrt(2), -2, 2).tolist()
        return cls(
            yaw=0.03 * z[0], pitch=0.025 * z[1], roll=0.015 * z[2],
            shift=(0.012 * z[3], 0.012 * z[4]), scale=1 + 0.01 * z[5],
            light=(side + 0.08 * z[6], -0.4 + 0.06 * z[7]), brightness=1 + 0.02 * z[8],
            strength=1 + 0.05 * float(single[0]),
        )  # fmt: skip
