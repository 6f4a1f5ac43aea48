"""A grid of procedural faces, at any size or as files in the layout of KDEF."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import block_reduce

from gcn_tf.errors import UserError
from gcn_tf.pipelines.procedural.faces.drawing import draw
from gcn_tf.pipelines.procedural.faces.emotions import EMOTIONS
from gcn_tf.pipelines.procedural.faces.persons import Person, Shot
from gcn_tf.progress import progress

MIN_SIZE = 32
FINE_PIXELS = 160  # smaller faces are drawn at a multiple of their size, then averaged: folds are fine lines

# The square that the frontal Haar cascade finds, in units of 75 mm: the median of its boxes.
CROP_CENTRE = (0.0, 0.2)
CROP_HALF_SIDE = 1.12
KDEF_SIZE = (762, 562)  # height, width
KDEF_EYES = (281.0, 360.0)  # the pixel between the eyes
KDEF_UNIT = 150.0  # pixels per unit of 75 mm
KDEF_QUALITY = 92


def draw_face(person: Person, emotion: str, session: int, size: int, take: int = 0) -> NDArray[np.uint8]:
    """Draw one face as a face detector would crop it: uint8 (size, size, 3) in [0, 255], RGB."""
    times = -(-FINE_PIXELS // size)
    side = size * times
    unit = side / (2 * CROP_HALF_SIDE)
    middle = (side / 2 - CROP_CENTRE[0] * unit, side / 2 - CROP_CENTRE[1] * unit)
    shot = Shot.draw(person, emotion, session, take)
    fine = draw(person, person.expression(emotion).scaled(shot.strength), shot, (side, side), middle, unit)
    if times == 1:
        return fine
    return np.round(block_reduce(fine, (times, times, 1), np.mean)).astype(np.uint8)


def draw_faces(
    persons: int,
    emotions: Sequence[str] = EMOTIONS,
    sessions: int = 2,
    size: int = 64,
    seed: int = 0,
    take: int = 0,
) -> NDArray[np.uint8]:
    """Draw every emotion of every person in every session.

    Person i has the same face whatever the number of persons, and at any size.

    Args:
        persons: int >= 1. Number of persons.
        emotions: codes of KDEF: AF, AN, DI, HA, NE, SA, SU.
        sessions: int >= 1. Number of sessions; each has its own light and poses.
        size: int >= 32. Side of an image in pixels.
        seed: int >= 0. Another seed gives other persons.
        take: int >= 0. In another take of a session, the same face shows the emotion a moment later.

    Returns:
        uint8 (persons, emotions, sessions, size, size, 3) in [0, 255], RGB.

    Raises:
        UserError: (a ValueError) a number out of range or an unknown emotion.
    """
    for name, value, least in (
        ("persons", persons, 1),
        ("sessions", sessions, 1),
        ("image-size", size, MIN_SIZE),
    ):
        if value < least:
            raise UserError(f"--{name} {value}: give {least} or more")
    for emotion in emotions:
        if emotion not in EMOTIONS:
            raise UserError(f"emotion {emotion!r} is unknown: use some of {', '.join(EMOTIONS)}")
    people = [Person.draw(seed, number) for number in range(persons)]
    cells = [(p, e, s) for p in people for e in emotions for s in range(sessions)]
    with (
        ThreadPoolExecutor(cpu_count()) as pool,
        progress(len(cells), "drawing faces", " faces", delay=2) as bar,
    ):
        images = []
        for image in pool.map(lambda cell: draw_face(cell[0], cell[1], cell[2], size, take), cells):
            images.append(image)
            bar.update()
    return np.stack(images).reshape(persons, len(emotions), sessions, size, size, 3)


def kdef_persons(count: int, seed: int) -> Iterator[tuple[str, Person]]:
    """Yield KDEF ids ("F01", "M01", ...) with persons of that sex, in the order of their numbers, at most 35 of each."""
    number, given = 0, {True: 0, False: 0}
    while sum(given.values()) < count:
        person = Person.draw(seed, number)
        number += 1
        if given[person.female] < 35:
            given[person.female] += 1
            yield f"{'F' if person.female else 'M'}{given[person.female]:02d}", person


def _write_kdef_file(job: tuple[Path, Person, str, int]) -> None:
    path, person, emotion, session = job
    shot = Shot.draw(person, emotion, session)
    expression = person.expression(emotion).scaled(shot.strength)
    image = draw(person, expression, shot, KDEF_SIZE, KDEF_EYES, KDEF_UNIT)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=KDEF_QUALITY)


def write_kdef(folder: Path, persons: int, seed: int = 0, emotions: Sequence[str] = EMOTIONS) -> int:
    """Write straight views under KDEF's names and in its size: FOLDER/KDEF/AF01/AF01AFS.JPG, 562 x 762 pixels.

    Args:
        persons: int in [1, 70]. KDEF numbers 35 women and 35 men.

    Returns:
        Number of files written: persons x emotions x 2 sessions.

    Raises:
        UserError: more persons than KDEF can number, or a folder that cannot be written.
    """
    if not 1 <= persons <= 70:
        raise UserError(f"--persons {persons}: KDEF numbers 35 women and 35 men, give 1 to 70")
    jobs = [
        (folder / "KDEF" / f"{letter}{name}" / f"{letter}{name}{emotion}S.JPG", person, emotion, session)
        for name, person in kdef_persons(persons, seed)
        for session, letter in enumerate("AB")
        for emotion in emotions
    ]
    try:
        with (
            ProcessPoolExecutor(cpu_count(), get_context("spawn")) as pool,
            progress(len(jobs), "drawing faces", " faces") as bar,
        ):
            for _ in pool.map(_write_kdef_file, jobs):
                bar.update()
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from None
    return len(jobs)
