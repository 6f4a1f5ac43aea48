"""Glyphs: procedural digits of procedural writers, a dataset that needs no download.

A digit starts as a skeleton of strokes in a unit box (x to the right, y down), takes on the writer's habits,
proportions, slant and small irregularities, and is inked by each pixel's distance to the nearest stroke.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray

from gcn_tf.errors import UserError
from gcn_tf.pipelines.procedural.traits import Between, draw_traits, random_generator

Pair = tuple[float, float]
Stroke = NDArray[np.float64]  # (N, 2): x and y of the points along one movement of the pen

DIGITS = 10
MIN_SIZE = 28
BOX = 20.0  # pixels; MNIST's frame is a 20 x 20 box in the middle of 28 x 28
STEP = 0.04  # between neighbouring points of a stroke, in digit heights
MIN_RADIUS = 0.62  # pixels; thinner ink breaks into grey dots at 28 x 28

# Standard deviation of a trait from digit to digit, in multiples of the writer's unsteadiness.
SPREAD = {"slant_degrees": 100, "closure_degrees": 200, "weight": 4, "aspect": 2, "waist": 1, "loop": 1}


@dataclass(frozen=True, kw_only=True)
class WriterStyle:
    """One writer's hand: what stays the same from digit to digit. Lengths are in digit heights.

    Each trait is declared with the range from which `draw` samples it, each habit with the share of the writers
    who have it. `seed` and `writer` (int >= 0) determine the small irregularities of every single digit.
    """

    seed: int
    writer: int
    slant_degrees: Annotated[float, Between(-14, 24)]  # lean of the verticals, positive to the right
    rise: Annotated[float, Between(-0.06, 0.14)]  # climb of the horizontals over one digit height
    aspect: Annotated[float, Between(0.52, 0.84)]  # width over height of a round digit
    size: Annotated[float, Between(0.88, 1.0)]  # longer side of the ink as a share of the 20 px box
    weight: Annotated[float, Between(1.4, 3.0)]  # pen width in pixels of a 28 x 28 image
    contrast: Annotated[float, Between(0.2, 0.5, odds=0.5)]  # width lost by a broad nib; 0 is a ball pen
    nib_degrees: Annotated[float, Between(-60, 10)]  # direction in which a broad nib draws thinnest
    taper: Annotated[float, Between(0.0, 0.5)]  # share of the width lost towards the end of a stroke
    roundness: Annotated[float, Between(0.0, 1.0)]  # 0: sharp corners, boxy bowls; 1: soft and oval
    unsteadiness: Annotated[float, Between(0.006, 0.025)]  # size of bends and of spread between digits
    waist: Annotated[float, Between(0.38, 0.56)]  # waist of 3 and 8 and bar of 7, measured from the top
    loop: Annotated[float, Between(0.42, 0.6)]  # height of the loops of 6 and 9 and of the bowl of 5
    closure_degrees: Annotated[float, Between(-14, 30)]  # overlap of a loop's ends; negative: open
    zero_width: Annotated[float, Between(0.75, 1.1)]  # width of the 0 relative to the other digits
    one_flag: Annotated[float, Between(0.16, 0.34, odds=0.55)]  # length of the upstroke of the 1
    one_foot: Annotated[bool, 0.45]  # a 1 with a flag stands on a base line
    two_looped: Annotated[bool, 0.4]  # the 2 turns into its base line with a loop, not a corner
    three_flat: Annotated[bool, 0.2]  # the 3 has a flat top and a corner, not an upper bowl
    four_open: Annotated[bool, 0.55]  # the 4 is open at the top
    five_gap: Annotated[float, Between(0.02, 0.1, odds=0.4)]  # the top of the 5 is a stroke this far off
    six_bend: Annotated[float, Between(0.0, 1.0)]  # curvature of the stem of the 6
    seven_bar: Annotated[bool, 0.35]  # the 7 is crossed
    seven_serif: Annotated[bool, 0.3]  # the 7 starts with a tick
    seven_bend: Annotated[float, Between(0.0, 1.0)]  # curvature of the stem of the 7
    eight_rings: Annotated[bool, 0.3]  # the 8 is two rings, not one crossing stroke
    nine_straight: Annotated[bool, 0.5]  # the 9 stands on a straight stem, not on a curved tail

    @classmethod
    def draw(cls, seed: int, writer: int) -> Self:
        """Sample one writer's hand from `seed` and `writer` alone; raise UserError if one is negative."""
        if seed < 0 or writer < 0:
            raise UserError(f"seed {seed}, writer {writer}: neither may be negative, give 0 or more")
        traits = draw_traits(cls, random_generator(seed, writer, 0))
        return cls(seed=seed, writer=writer, **traits)


def draw_glyphs(writers: int, size: int = 28, seed: int = 0, session: int = 0) -> NDArray[np.uint8]:
    """Draw the ten digits in the hands of `writers` procedural writers.

    Writer i has the same hand whatever the number of writers: `draw_glyphs(5)[:3]` equals `draw_glyphs(3)`. A larger
    `size` gives the same picture at a finer resolution.

    Args:
        writers: int >= 1. Number of writers.
        size: int >= 28. Side of an image in pixels. Defaults to 28.
        seed: int >= 0. Another seed gives other writers. Defaults to 0.
        session: int >= 0. In another session the same writers write every digit again. Defaults to 0.

    Returns:
        uint8 (writers, 10, size, size) in [0, 255]: white ink (255) on black with grey edges, digit d at
        index d, framed like MNIST (a 20 x 20 box in the middle of 28 x 28).

    Raises:
        UserError: (a ValueError) `writers` < 1, `size` < 28, `seed` < 0 or `session` < 0.
    """
    if writers < 1:
        raise UserError(f"writers {writers}: give 1 or more")
    styles = [WriterStyle.draw(seed, writer) for writer in range(writers)]
    return np.stack(
        [[draw_digit(digit, style, size, session) for digit in range(DIGITS)] for style in styles]
    )


def draw_digit(digit: int, style: WriterStyle, size: int = 28, session: int = 0) -> NDArray[np.uint8]:
    """Draw one digit in one hand: uint8 (size, size) in [0, 255], white ink (255) on black.

    Raises UserError (a ValueError) for a `digit` outside [0, 9], a `size` below 28 or a negative `session`.
    """
    if not 0 <= digit < DIGITS:
        raise UserError(f"digit {digit}: not a digit, give 0 to 9")
    if size < MIN_SIZE:
        raise UserError(f"size {size}: too small for a readable digit, give {MIN_SIZE} or more")
    if session < 0:
        raise UserError(f"session {session}: may not be negative, give 0 or more")
    # Key 0 belongs to the hand itself.
    rng = random_generator(style.seed, style.writer, 1 + digit + DIGITS * session)
    hand = _vary(style, rng)
    strokes = [_soften(stroke * [hand.aspect, 1.0], hand.roundness) for stroke in SKELETONS[digit](hand)]
    strokes = _frame(_bend(strokes, hand, rng), hand, rng)
    return _ink(strokes, [_radii(stroke, hand) for stroke in strokes], size)


def _arc(centre: Pair, radii: Pair, degrees: Pair, hand: WriterStyle) -> Stroke:
    """Part of an oval; 0 degrees is its right end, 90 its lower end. A small roundness makes it boxy."""
    angle = np.radians(np.linspace(*degrees, 40))
    wave = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    boxy = np.sign(wave) * np.abs(wave) ** (0.8 + 0.2 * hand.roundness)
    return np.stack([centre[axis] + radii[axis] * boxy[:, axis] for axis in (0, 1)], axis=1)


def _curve(a: Pair, b: Pair, c: Pair, d: Pair) -> Stroke:
    """Cubic Bezier from a to d, pulled by b and c."""
    t = np.linspace(0, 1, 16)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3], axis=1)
    return np.asarray(weights @ np.array([a, b, c, d]))


def _line(*corners: Pair) -> Stroke:
    return np.asarray(corners, dtype=np.float64)


def _zero(hand: WriterStyle) -> list[Stroke]:
    ring = _arc((0.5, 0.5), (0.5 * hand.zero_width, 0.5), (-65, -425 - hand.closure_degrees), hand)
    return [ring * np.linspace([1.0, 1.0], [1.0, 1.06], len(ring))]


def _one(hand: WriterStyle) -> list[Stroke]:
    if not hand.one_flag:
        return [_line((0.5, 0), (0.5, 1))]
    stem = _line((0.5 - hand.one_flag / hand.aspect, 0.85 * hand.one_flag), (0.5, 0), (0.5, 1))
    return [stem, _line((0.1, 1), (0.9, 1))] if hand.one_foot else [stem]


def _two(hand: WriterStyle) -> list[Stroke]:
    top = _arc((0.46, 0.29), (0.42, 0.29), (195, 375), hand)
    end = (float(top[-1, 0]), float(top[-1, 1]))
    if hand.two_looped:
        stem = _curve(end, (0.8, 0.6), (0.45, 0.95), (0.16, 0.97))
        loop = _curve((0.16, 0.97), (-0.1, 0.98), (-0.07, 0.69), (0.17, 0.71))
        base = _curve((0.17, 0.71), (0.45, 0.74), (0.55, 1.05), (1.0, 0.92))
        return [np.concatenate([top, stem, loop, base])]
    stem = _curve(end, (0.82, 0.6), (0.3, 0.8), (0.0, 0.98))
    base = _curve((0.0, 0.98), (0.4, 0.93), (0.6, 1.02), (1.0, 0.95))
    return [np.concatenate([top, stem, base])]


def _three(hand: WriterStyle) -> list[Stroke]:
    lower = _arc((0.4, (1 + hand.waist) / 2), (0.52, (1 - hand.waist) / 2), (-95, 150), hand)
    if hand.three_flat:
        return [np.concatenate([_line((0.02, 0.03), (0.85, 0.0), (0.34, hand.waist)), lower])]
    upper = _arc((0.4, hand.waist / 2), (0.43, hand.waist / 2), (208, 450), hand)
    return [np.concatenate([upper, _line((0.28, hand.waist)), lower])]


def _four(hand: WriterStyle) -> list[Stroke]:
    bar = 0.15 + hand.waist
    if not hand.four_open:
        return [_line((0.7, 0), (0.0, bar), (1.0, bar)), _line((0.7, 0), (0.7, 1))]
    hook = _curve((0.18, 0.02), (0.12, 0.2), (0.02, bar - 0.2), (0.03, bar - 0.05))
    return [np.concatenate([hook, _line((0.04, bar), (1.0, bar))]), _line((0.78, 0.06), (0.72, 1))]


def _five(hand: WriterStyle) -> list[Stroke]:
    half = 0.05 + hand.loop / 2
    bowl = _arc((0.4, 1 - half), (0.52, half), (-125, 145), hand)
    stem = np.concatenate([_line((0.2, 0.04), (0.1, 1.08 - 2 * half)), bowl])
    if hand.five_gap:
        return [stem, _line((0.2, 0.04 - hand.five_gap), (0.95, 0.02 - hand.five_gap))]
    return [np.concatenate([_line((0.92, 0.02)), stem])]


def _six(hand: WriterStyle) -> list[Stroke]:
    half, bend = hand.loop / 2, hand.six_bend
    middle = 1 - half
    stem = _curve((0.62 + 0.28 * bend, 0), (0.5 - 0.2 * bend, 0.1), (0.03, middle - 0.4), (0.03, middle))
    ring = _arc((0.5, middle), (0.47, half), (180, -180 - hand.closure_degrees), hand)
    return [np.concatenate([stem, ring])]


def _seven(hand: WriterStyle) -> list[Stroke]:
    bar = hand.waist + 0.06
    start = [(0.03, 0.18), (0.05, 0.03)] if hand.seven_serif else [(0.05, 0.03)]
    stem = _curve((0.97, 0.02), (0.8, 0.3), (0.62 - 0.22 * hand.seven_bend, 0.5), (0.38, 1))
    middle = stem[np.argmin(np.abs(stem[:, 1] - bar)), 0]
    stroke = np.concatenate([_line(*start), stem])
    cross = _line((middle - 0.33, bar + 0.02), (middle + 0.33, bar))
    return [stroke, cross] if hand.seven_bar else [stroke]


def _eight(hand: WriterStyle) -> list[Stroke]:
    waist, turn = hand.waist, hand.closure_degrees
    if hand.eight_rings:
        upper = _arc((0.5, waist / 2), (0.38, waist / 2), (90, -270 - turn), hand)
        return [upper, _arc((0.5, (1 + waist) / 2), (0.48, (1 - waist) / 2), (-90, 270 + turn), hand)]
    angle = np.radians(np.linspace(-35, 325 + turn, 90))
    across, down = -np.sin(2 * angle), -np.cos(angle)
    x = 0.5 + np.where(down < 0, 0.4, 0.48) * across
    return [np.stack([x, waist + np.where(down < 0, waist, 1 - waist) * down], axis=1)]


def _nine(hand: WriterStyle) -> list[Stroke]:
    half = hand.loop / 2
    ring = _arc((0.48, half), (0.46, half), (max(hand.closure_degrees, -4) - 8, -360), hand)
    straight = _curve((0.94, half), (0.94, half + 0.2), (0.86, 0.8), (0.84, 1))
    curved = _curve((0.94, half), (0.98, 0.72), (0.85, 1.02), (0.22, 0.98))
    return [np.concatenate([ring, straight if hand.nine_straight else curved])]


SKELETONS = (_zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine)


def _vary(style: WriterStyle, rng: np.random.Generator) -> WriterStyle:
    """The hand for one digit: nobody repeats a slant or a proportion exactly."""
    pairs = zip(SPREAD.items(), style.unsteadiness * rng.standard_normal(len(SPREAD)), strict=True)
    varied = {name: getattr(style, name) + spread * x for (name, spread), x in pairs}
    return replace(style, **varied)


def _soften(stroke: Stroke, roundness: float) -> Stroke:
    """Resample a stroke at even distances and round off its corners; both ends stay in place."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    even = np.linspace(0, along[-1], max(8, round(along[-1] / STEP)))
    stroke = np.stack([np.interp(even, along, stroke[:, axis]) for axis in (0, 1)], axis=1)
    kernel = np.exp(-0.5 * (np.arange(-5, 6) / (0.6 + 1.4 * roundness)) ** 2)
    padded = np.pad(stroke, ((5, 5), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(padded[:, axis], kernel / kernel.sum(), "valid") for axis in (0, 1)], axis=1)


def _bend(strokes: list[Stroke], hand: WriterStyle, rng: np.random.Generator) -> list[Stroke]:
    """Bend and slant the paper rather than the strokes, so that strokes that meet still meet."""
    waves, phase = rng.uniform(2, 5.5, (4, 2)), rng.uniform(0, 2 * np.pi, 4)
    push = hand.unsteadiness * rng.standard_normal((4, 2))
    slant = np.array([[1, -hand.rise], [-np.tan(np.radians(hand.slant_degrees)), 1]])
    return [(stroke + np.sin(stroke @ waves.T + phase) @ push) @ slant for stroke in strokes]


def _frame(strokes: list[Stroke], hand: WriterStyle, rng: np.random.Generator) -> list[Stroke]:
    """Scale the strokes to the box, in pixels of a 28 x 28 image, slightly off its centre."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    side = BOX * min(1.0, hand.size * (1 + hand.unsteadiness * rng.standard_normal())) - hand.weight
    middle = MIN_SIZE / 2 + rng.uniform(-0.5, 0.5, 2)
    return [middle + (stroke - (low + high) / 2) * side / (high - low).max() for stroke in strokes]


def _radii(stroke: Stroke, hand: WriterStyle) -> NDArray[np.float64]:
    """float64 (N,): half the pen's width at each point of a stroke, in pixels of a 28 x 28 image."""
    direction = np.arctan2(*np.gradient(stroke, axis=0).T[::-1])
    nib = 1 - hand.contrast * (1 - np.abs(np.sin(direction - np.radians(hand.nib_degrees))))
    lift = 1 - hand.taper * np.linspace(0, 1, len(stroke)) ** 4
    return np.asarray(np.maximum(hand.weight / 2 * nib * lift, MIN_RADIUS))


def _ink(strokes: list[Stroke], radii: list[NDArray[np.float64]], size: int) -> NDArray[np.uint8]:
    """Grey level of a pixel: how far its centre lies inside the nearest stroke, clipped to one pixel."""
    scale = size / MIN_SIZE
    start = scale * np.concatenate([stroke[:-1] for stroke in strokes]).astype(np.float32)  # (S, 2)
    step = scale * np.concatenate([np.diff(stroke, axis=0) for stroke in strokes]).astype(np.float32)
    radius = scale * np.concatenate([radius[:-1] for radius in radii]).astype(np.float32)
    reach = radius.max() + 2 * scale
    left, top = np.maximum(start.min(axis=0) - reach, 0).astype(int)
    right, bottom = np.minimum(start.max(axis=0) + reach + 1, size).astype(int)
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - start[:, :1])[:, None, :]  # (S, 1, W)
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - start[:, 1:])[:, :, None]  # (S, H, 1)
    dx, dy = step[:, 0, None, None], step[:, 1, None, None]
    length2 = np.maximum(dx**2 + dy**2, np.float32(1e-12))
    nearest = np.clip(x * (dx / length2) + y * (dy / length2), 0, 1)  # (S, H, W), along each segment
    distance = np.sqrt((x - nearest * dx) ** 2 + (y - nearest * dy) ** 2) - radius[:, None, None]
    image = np.zeros((size, size), np.uint8)
    image[top:bottom, left:right] = np.round(255 * np.clip(0.5 - distance.min(axis=0), 0, 1))
    return image
