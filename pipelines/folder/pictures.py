"""Read the pictures of a user's folder on all cores: every kind, every mode, one size; kept for the next start."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gcn_tf.errors import UserError, shown_text
from gcn_tf.machine import available_bytes
from gcn_tf.pipelines.folder.cache import Cache, content_key, stamp, states
from gcn_tf.pipelines.folder.decoded import Decoded, Problems
from gcn_tf.pipelines.folder.decoding import (
    Deep,
    content_is_grey,
    content_range,
    content_sha256,
    content_size,
    decode,
    decode_content,
    is_grey,
)
from gcn_tf.pipelines.folder.fitting import Fit, Form
from gcn_tf.pipelines.folder.headers import Header, read_header
from gcn_tf.pipelines.folder.packed import PART, Packed
from gcn_tf.pipelines.photographs.crops import BadPicture, in_order
from gcn_tf.pipelines.prepared import sole
from gcn_tf.progress import progress

VERSION = 1  # of what is decoded: another one reads all pictures anew
RANGES = (255, 4095, 65535)  # of 16-bit files: cameras and microscopes often use 8 or 12 of the bits
DELAY = 2  # seconds of work without a progress bar

PACKED_FROM = (
    1 << 28
)  # bytes of pixels from which on they are packed in a file and mapped, not held in memory

Say = Callable[[str], Any]


@dataclass(frozen=True)
class Inspected:
    """What files announce.

    Args:
        sizes: int64 (N, 2). Height and width after turning upright; zeros for files that are problems.
        modes: Pillow's mode of every file: "L", "RGB", "I;16", ...; empty for problems.
        grey: whether every picture shows nothing but grey, so that one channel is enough.
        problems: number and reason of every file that is no picture, or is too large.
    """

    sizes: np.ndarray
    modes: tuple[str, ...]
    grey: bool
    problems: Problems


def _to_stderr(line: str) -> None:
    print(f"gcn-tf: {line}", file=sys.stderr)


def inspect(
    files: Sequence[str | Path], cache: Path | None = None, say: Say = _to_stderr, found: bytes | None = None
) -> Inspected:
    """Read sizes and modes of picture files, to choose the size and the channels of a dataset.

    Only headers are read, but for `grey`: files in colour modes are decoded until one shows a colour.

    Args:
        cache: folder that keeps the result; with unchanged files it is read from there.
        say: called with one line for the user if the cache is damaged or cannot be written.
        found: `states` of the files, if they are known already.
    """
    store = Cache(cache, say) if cache else None
    key = stamp(found or states(files), f"inspected {VERSION}")
    if store and (entry := store.read("inspected", key, len(files))):
        about = entry[0]
        sizes = np.array(about["sizes"], np.int64).reshape(-1, 2)
        return Inspected(sizes, tuple(about["modes"]), about["grey"], _pairs(about["problems"]))
    inspected = _inspect([*map(Path, files)])
    if store:
        about = {"sizes": inspected.sizes.tolist(), "modes": inspected.modes}
        about |= {"grey": inspected.grey, "problems": inspected.problems}
        store.write("inspected", key, about)
    return inspected


def _inspect(files: Sequence[Path]) -> Inspected:
    headers = list(_on_all_cores(read_header, files, "looking at pictures", len(files)))
    good = [(path, header) for path, header in zip(files, headers, strict=True) if isinstance(header, Header)]
    sizes = [header.size if isinstance(header, Header) else (0, 0) for header in headers]
    modes = tuple(header.mode if isinstance(header, Header) else "" for header in headers)
    problems = tuple((n, str(header)) for n, header in enumerate(headers) if isinstance(header, BadPicture))
    colors = _on_all_cores(lambda pair: is_grey(*pair), good, "looking for colours", len(good))
    grey = bool(good) and not any(found is False for found in colors)
    return Inspected(np.array(sizes, np.int64).reshape(-1, 2), modes, grey, problems)


def read_pictures(
    files: Sequence[str | Path],
    size: tuple[int, int],
    channels: int,
    fit: Fit,
    background: tuple[int, int, int],
    cache: Path,
    say: Say = _to_stderr,
    found: bytes | None = None,
) -> Decoded:
    """Decode picture files to one size, upright, on all cores; with unchanged files, read them from the cache.

    JPEG, PNG, WebP, BMP, TIFF and GIF, whatever the files' names; of several frames or pages the first. Resizing is
    Lanczos's, with antialiasing. The values of all 16-bit files are scaled by one range, the smallest of RANGES that holds
    the largest of them, so that their brightnesses stay comparable. Colour profiles are not applied.

    Args:
        files: paths of the files.
        size: (height, width) of the result.
        channels: 1 (grey) or 3 (RGB).
        fit: "pad", "crop" or "stretch", see `Form`.
        background: (red, green, blue), 0 to 255.
        cache: folder of the cache.
        say: called with one line for the user if the cache is damaged or cannot be written.
        found: `states` of the files, if they are known already.

    Many pictures are packed in one file in the cache and mapped from there (`Packed`).

    Raises:
        UserError: neither the memory nor the disk can hold the pictures.
    """
    form = Form(size, channels, fit, background)
    store, settings = Cache(cache, say), f"pictures {VERSION} {form}"
    state = stamp(found or states(files), settings)
    if is_large(len(files), form):
        return _packed(files, form, cache / f"packed-{state[:40]}", say)
    paths = [*map(Path, files)]
    if unchanged := _unchanged(store, state, settings, paths, form):
        return unchanged
    _require_memory(len(paths), form)
    decoded = _decode_all(paths, form)
    digests = dict(zip(decoded.good.tolist(), decoded.sha256, strict=True))
    key = content_key((digests.get(n) or content_sha256(path) for n, path in enumerate(paths)), settings)
    about: dict[str, Any] = {
        "good": decoded.good.tolist(),
        "problems": decoded.problems,
        "notes": decoded.notes,
        "sha256": [digest.hex() for digest in decoded.sha256],
    }
    if store.write("pictures", key, about, decoded.images):
        store.write("index", state, {"key": key})
    return decoded


def is_large(count: int, form: Form) -> bool:
    """Whether so many pictures are packed in a file; a form without channels is taken for one in colour."""
    return count * form.size[0] * form.size[1] * (form.channels or 3) > PACKED_FROM


def _packed(files: Sequence[str | Path], form: Form, folder: Path, say: Say) -> Decoded:
    def outcomes(first: int) -> Iterator[Any]:
        left = map(Path, files[first:])
        return _on_all_cores(partial(decode, form=form), left, "reading pictures", len(files), first)

    def full() -> int:
        return _full_range([*map(Path, files)], form)

    return _pack(outcomes, full, len(files), form, folder, say)


def packed_contents(
    contents: Callable[[int], Iterable[bytes]],
    count: int,
    form: Form,
    folder: Path,
    say: Say = _to_stderr,
) -> Decoded:
    """Pictures that are no files of their own, decoded once and mapped from a file; see `read_pictures`.

    Args:
        contents: gives those from a number on, one by one.
        count: how many there are.
        folder: of the packed pictures; it is to have another name when the contents change.

    Raises:
        UserError: the disk cannot hold the pictures.
    """

    def outcomes(first: int) -> Iterator[Any]:
        work = partial(decode_content, form=form)
        return _on_all_cores(work, contents(first), "reading pictures", count, first)

    def full() -> int:
        work = partial(content_range, form=form)
        found = _on_all_cores(work, contents(0), "looking at pictures", count)
        largest = max((value for value in found if not isinstance(value, BadPicture)), default=0)
        return _range_of(largest) if largest else 0

    return _pack(outcomes, full, count, form, folder, say)


def _pack(
    outcomes: Callable[[int], Iterator[Any]],
    full: Callable[[], int],
    count: int,
    form: Form,
    folder: Path,
    say: Say,
) -> Decoded:
    """Pictures from the file in which they are packed, those that it lacks decoded first.

    Args:
        outcomes: Pictures and BadPictures from a number on.
        full: finds the range of the 16-bit ones, 0 if there are none.
    """
    try:
        with sole(folder):
            packed = Packed(folder, form, say)
            if packed.files < count:
                packed.require_room(count)
                value, left = full(), outcomes(packed.files)
                while some := min(PART, count - packed.files):
                    packed.append(_collected(islice(left, some), some, form, value), some)
                packed.forget_others()
            return packed.decoded()
    except OSError as error:
        raise UserError(
            f"cannot write to {shown_text(str(folder))} ({error.strerror}): name another place by --data-dir; what is there stays"
        ) from None


def _full_range(files: Sequence[Path], form: Form) -> int:
    """The range of all 16-bit files, which is known only when they were all decoded once; 0 if there are none."""
    headers = _on_all_cores(read_header, files, "looking at pictures", len(files))
    deep = [
        path
        for path, header in zip(files, headers, strict=True)
        if isinstance(header, Header) and (header.deep or header.mode.startswith("I"))
    ]
    found = _on_all_cores(partial(decode, form=form), deep, "looking for the brightest", len(deep))
    largest = [
        outcome.pixels.largest
        for outcome in found
        if not isinstance(outcome, BadPicture) and isinstance(outcome.pixels, Deep)
    ]
    return _range_of(max(largest)) if largest else 0


def _range_of(largest: int) -> int:
    """The smallest of RANGES that holds a value."""
    return min(value for value in RANGES if value >= largest)


def _unchanged(store: Cache, state: str, settings: str, files: Sequence[Path], form: Form) -> Decoded | None:
    """Decoded pictures from the cache: of files with the same sizes and times, or else with the same content."""
    index = store.read("index", state, 1)
    if index:
        key = index[0]["key"]
    elif store.has("pictures"):  # they may have been copied or moved
        key = content_key(_on_all_cores(content_sha256, files, "comparing pictures", len(files)), settings)
    else:
        return None
    entry = store.read("pictures", key, len(files), len(files) * form.channels * form.size[0] * form.size[1])
    if not entry:
        return None
    about, pixels = entry
    if not index:
        store.write("index", state, {"key": key})
    images = pixels.reshape(len(about["good"]), *form.size, form.channels)
    digests_of_good = tuple(map(bytes.fromhex, about["sha256"]))
    good = np.array(about["good"], np.int64)
    return Decoded(images, good, _pairs(about["problems"]), tuple(about["notes"]), digests_of_good)


def _pairs(problems: list[list[Any]]) -> Problems:
    return tuple((number, reason) for number, reason in problems)


def _require_memory(count: int, form: Form) -> None:
    height, width = form.size
    needed, free = count * height * width * form.channels, available_bytes()
    if free is not None and needed > free:
        raise UserError(
            f"{count:,} pictures of {height}x{width} take {needed / 2**30:.1f} GiB, {free / 2**30:.1f} GiB of memory are "
            "free: choose a smaller size or fewer pictures"
        )


def decode_contents(contents: Iterable[bytes], count: int, form: Form) -> Decoded:
    """Decode pictures that are no files of their own to one size, on all cores; see `read_pictures`.

    Args:
        contents: of what would be the files; they are taken one by one.
        count: how many there are.

    Raises:
        UserError: the memory cannot hold the pictures.
    """
    _require_memory(count, form)
    return _collected(
        _on_all_cores(partial(decode_content, form=form), contents, "reading pictures", count), count, form
    )


def all_grey(contents: Iterable[bytes], count: int) -> bool:
    """Whether pictures that are no files of their own show nothing but grey; the first that does not ends the search."""
    found = _on_all_cores(content_is_grey, contents, "looking for colours", count)
    return not any(grey is False for grey in found)


def content_sizes(contents: Iterable[bytes], count: int) -> np.ndarray:
    """Height and width of pictures that are no files of their own, int64 (count, 2); zeros for what cannot be read."""
    found = _on_all_cores(content_size, contents, "looking at pictures", count)
    sizes = [(0, 0) if isinstance(size, BadPicture) else size for size in found]
    return np.array(sizes, np.int64).reshape(-1, 2)


def _decode_all(files: Sequence[Path], form: Form) -> Decoded:
    outcomes = _on_all_cores(partial(decode, form=form), files, "reading pictures", len(files))
    return _collected(outcomes, len(files), form)


def _collected(outcomes: Iterable[Any], count: int, form: Form, full: int | None = None) -> Decoded:
    """Pictures and BadPictures as one result, or as one part of it: `full` is then the range of all 16-bit ones."""
    images = np.empty((count, *form.size, form.channels), np.uint8)
    good: list[int] = []
    deep: dict[int, Deep] = {}
    problems: list[tuple[int, str]] = []
    headers: list[Header] = []
    sha256: list[bytes] = []
    for number, outcome in enumerate(outcomes):
        if isinstance(outcome, BadPicture):
            problems.append((number, str(outcome)))
            continue
        if isinstance(outcome.pixels, Deep):
            deep[len(good)] = outcome.pixels
        else:
            images[len(good)] = outcome.pixels
        sha256.append(outcome.sha256)
        good.append(number)
        headers.append(outcome.header)
    notes = (*_scale(deep, images, form, full), *_first_frames(headers, full is None))
    return Decoded(images[: len(good)], np.array(good, np.int64), tuple(problems), notes, tuple(sha256))


def _scale(deep: dict[int, Deep], images: np.ndarray, form: Form, full: int | None) -> Iterator[str]:
    """Fill in the 16-bit pictures, all scaled by one range."""
    if not deep:
        return
    largest = max(picture.largest for picture in deep.values())
    of_part = full is not None
    full = full or _range_of(largest)
    background = np.array(form.background, np.float32)
    if form.channels == 1:
        background = np.rint(background @ np.array([0.299, 0.587, 0.114], np.float32))[None]
    for place, picture in deep.items():
        images[place] = picture.scaled(full, background)
    counted = f"{len(deep):,} pictures have 16 bits, with values up to {largest:,}"
    yield f"{'some pictures have 16 bits' if of_part else counted}: 0 to {full:,} become black to white"


def _first_frames(headers: Sequence[Header], counted: bool) -> Iterator[str]:
    if several := sum(header.several for header in headers):
        yield f"{f'{several:,}' if counted else 'some'} files hold several frames or pages: the first is taken"


def _on_all_cores(
    work: Callable[[Any], Any], items: Iterable[Any], description: str, count: int, done: int = 0
) -> Iterator[Any]:
    """`map` on all cores, in order, with a progress bar; a BadPicture that is raised is yielded."""

    def tried(item: Any) -> Any:
        try:
            return work(item)
        except BadPicture as bad:
            return bad

    with _without_warnings(), progress(count, description, " pictures", done, DELAY) as bar:
        for outcome in in_order(tried, items):
            bar.update()
            yield outcome


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Pillow warns of large pictures and odd metadata, in any thread: problems are reported instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
