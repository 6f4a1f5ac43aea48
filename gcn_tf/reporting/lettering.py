"""Text on pictures: one font of one legible size, measured, wrapped and shortened."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

DPI = 110  # of all figures
POINTS = 9
LINE = 18  # pixels from one line to the next
INK = (34, 34, 34)


@cache
def font() -> ImageFont.FreeTypeFont:
    """The font that comes with matplotlib, so that charts and sheets look alike on every machine."""
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(file), round(POINTS * DPI / 72))


@cache
def _line_width(line: str) -> int:
    return int(font().getlength(line)) + 1


def text_width(text: str) -> int:
    """Pixels of the widest line."""
    return max(map(_line_width, text.split("\n"))) if text else 0


def shortened(line: str, width: int) -> str:
    """A line that is at most `width` pixels wide: its end becomes an ellipsis where it is wider."""
    if text_width(line) <= width:
        return line
    while line and text_width(line + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"


def wrapped(text: str, width: int, most_lines: int = 8) -> list[str]:
    """Lines of at most `width` pixels, broken between words; long words are shortened, further lines left out."""
    lines: list[str] = []
    for paragraph in text.split("\n") if text else []:
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and text_width(longer) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], lines[most_lines - 1] + " …"]
    return [shortened(line, width) for line in lines]


def draw_lines(canvas: Image.Image, lines: Sequence[str], x: int, top: int, centered: bool = True) -> None:
    """Draw lines downwards from `top`, centred at `x` or beginning there."""
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        left = x - text_width(line) // 2 if centered else x
        draw.text((left, top + number * LINE), line, INK, font())
