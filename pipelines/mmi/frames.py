"""The two frames taken from a clip: the neutral first one and the apex of the expression."""

import mmap
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gcn_tf.files import read_small, require_regular
from gcn_tf.pipelines.mmi.sessions import NEUTRAL, Clip
from gcn_tf.pipelines.photographs.crops import LARGEST_PICTURE, BadPicture, decode, find_face

# Keep FFmpeg from logging damaged videos, which we report ourselves. A level that the user has set stays.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

COMPARED_SIDE = 64  # pixels of the shorter side of the copies on which frames are compared
LARGEST_STILL = 20_000_000  # bytes
LONGEST_CLIP = 2_000_000_000  # pixels of all frames: 3 minutes of 720x576
# AVI, QuickTime and MP4, MPEG, Windows Media. FFmpeg takes other files for playlists, which open further files.
_VIDEO = re.compile(
    rb"RIFF|.{4}(ftyp|moov|mdat|free|skip|wide|pnot)|\0\0\x01[\xba\xb3]|\x47|0&\xb2u", re.DOTALL
)
_SAMPLES = re.compile(rb"\0...(?:stsz.{8}|trun.{4})(.{4})", re.DOTALL)  # how many samples an MP4 has


@dataclass(frozen=True)
class Frame:
    """One frame of a clip, with the labels of a picture.

    Args:
        clip: Clip. The clip that it is taken from.
        emotion: str. The clip's emotion for its apex, neutral for its first frame.
        session: str. Running number of the picture among this person's of this emotion: "1", "2", ...
    """

    clip: Clip
    emotion: str
    session: str
    view: str = "S"

    @property
    def name(self) -> str:
        return f"{self.clip.name} {'first' if self.emotion == NEUTRAL else 'apex'}"

    @property
    def person(self) -> str:
        return self.clip.person


def frames_of(clips: Sequence[Clip]) -> tuple[Frame, ...]:
    """The apex of every clip and, if the clip has more than one frame, its first frame, which is neutral."""
    counts: Counter[tuple[str, str]] = Counter()
    frames = []
    for clip in clips:
        still = len(clip.files) == 1 and not clip.is_video
        for emotion in (clip.emotion,) if still else (NEUTRAL, clip.emotion):
            counts[clip.person, emotion] += 1
            frames.append(Frame(clip, emotion, str(counts[clip.person, emotion])))
    return tuple(frames)


def read_frame(frame: Frame) -> np.ndarray:
    """Decode a frame, turned so that the face is upright: uint8 (H, W, 3), RGB.

    Raises:
        BadPicture: the clip, or a frame up to the apex, is unreadable, truncated or wrong-sized.
    """
    if frame.emotion == NEUTRAL:
        return _upright(next(_images(frame.clip)))
    return _upright(_apex(frame.clip))


def most_different(images: Iterator[np.ndarray]) -> np.ndarray:
    """The image that differs most from the first, compared on small smoothed grey copies to suppress noise.

    Memory holds only the best one so far.
    """
    best = next(images)
    neutral, largest = _small(best), 0.0
    for image in images:
        difference = float(
            np.square(_small(image) - neutral).mean()
        )  # squares favour a mouth over noise everywhere
        if difference > largest:
            best, largest = image, difference
    return best


def _apex(clip: Clip) -> np.ndarray:
    if clip.apex is not None:
        for number, image in enumerate(_images(clip)):
            if number == clip.apex:
                return image
    return most_different(_images(clip))  # also if the annotated frame is beyond the end


def _small(image: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, COMPARED_SIDE / min(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (5, 5), 0).astype(np.float32)


def _upright(image: np.ndarray) -> np.ndarray:
    """Turn the image so that a face is found: some frontal clips were filmed with the camera on its side."""
    for turn in (None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE):
        turned = image if turn is None else cv2.rotate(image, turn)
        if find_face(turned):
            return turned
    return image


def _images(clip: Clip) -> Iterator[np.ndarray]:
    """The frames of a clip, one at a time: uint8 (H, W, 3), RGB."""
    left = LONGEST_CLIP
    for image in _video_images(clip.files[0]) if clip.is_video else _stills(clip.files):
        left -= image.size // 3
        if left < 0:
            raise BadPicture("too long: no posed expression takes so many frames")
        yield image


def _stills(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    shape = None
    for path in paths:
        try:
            image = decode(read_small(path, LARGEST_STILL))
        except OSError as error:
            raise BadPicture(f"unreadable: {error}") from error
        if shape not in (None, image.shape):
            raise BadPicture(f"wrong-sized: {path.name} is not as large as the frames before")
        shape = image.shape
        yield image


def _video_images(path: Path) -> Iterator[np.ndarray]:
    _require_whole(path)
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    try:
        width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > LARGEST_PICTURE:
            raise BadPicture(f"wrong-sized: {width:.0f}x{height:.0f} is too large")
        read, image = video.read()
        if not read:
            raise BadPicture(f"unreadable: {path.name} is not a video")
        first = image.shape
        while read:
            if image.shape != first:
                raise BadPicture("wrong-sized: its frames change their size")
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            read, image = video.read()
    finally:
        video.release()


def _require_whole(path: Path) -> None:
    """Raise BadPicture unless a file is a video that is as long as its header states.

    For a truncated AVI the decoder would just stop early; for an MP4 it would first allocate a table of all the samples
    that the header promises.
    """
    try:
        require_regular(path)
        with path.open("rb") as file:
            start = file.read(12)
            if not _VIDEO.match(start):
                raise BadPicture(f"unreadable: {path.name} is not a video")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                promised = [int.from_bytes(found[1], "big") for found in _SAMPLES.finditer(content)]
                actual = len(content)
    except OSError as error:
        raise BadPicture(f"unreadable: {error}") from error
    if start[:4] == b"RIFF":
        promised.append(8 + int.from_bytes(start[4:8], "little"))
    if max(promised, default=0) > actual:
        raise BadPicture("truncated: the video ends too early")
