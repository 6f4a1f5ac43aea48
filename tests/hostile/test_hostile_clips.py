"""MMI: damaged sessions, frames and videos, and XML made to do harm."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from damage import contents, damaged, inputs, one_damaged, png_of, read_or_refused, refused, write
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

from gcn_tf.pipelines.mmi.frames import frames_of, read_frame
from gcn_tf.pipelines.mmi.pictures import load_mmi
from gcn_tf.pipelines.mmi.sessions import Clip, find_clips
from gcn_tf.pipelines.photographs.crops import BadPicture

SESSION = '<?xml version="1.0"?><session sessionId="1"><track filename="S001-001.avi" view="0"/></session>'
LABEL = '<Metatags><Metatag Name="Group" Value="x"/><Metatag Name="Emotion" Value="4"/></Metatags>'
MARKS = '<AnnotationData><ActionUnit Number="12"><Marker Frame="3" Type="2"/><Marker Frame="9" Type="3"/></ActionUnit></AnnotationData>'


def write_session(folder: Path, number: int = 1, **others: bytes) -> None:
    session = folder / f"Sessions/{number}"
    files = {"session.xml": SESSION, "S001-001.xml": LABEL, "S001-001-oao_aucs.xml": MARKS}
    for name, text in files.items():
        write(session / name, text.encode())
    write(session / "frame0.png", png_of(9, 9, bytes(9 * 28)))
    for name, content in others.items():
        write(session / name, content)


def laughing_xml(levels: int) -> bytes:
    names = [f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(levels)]
    return f'<!DOCTYPE x [<!ENTITY a0 "ha">{"".join(names)}]><x>&a{levels};</x>'.encode()


HOSTILE_XML = {
    "empty": b"",
    "entities of entities": laughing_xml(12),
    "one long entity many times": (
        f'<!DOCTYPE x [<!ENTITY a "{"h" * 400_000}">]><x>{"&a;" * 100_000}</x>'.encode()
    ),
    "a file of the system": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>',
    "no such encoding": b'<?xml version="1.0" encoding="rot13"?><x/>',
    "an encoding of many bytes": b'<?xml version="1.0" encoding="utf-7"?><x/>',
    "another encoding than said": b'<x a="\xff"/>',
    "a zero byte": b"<x>\0</x>",
    "too large": b"<x>" + b" " * 1_000_000 + b"</x>",
    "truncated": SESSION[:-9].encode(),
}


@pytest.mark.parametrize("kind", HOSTILE_XML)
def test_hostile_sessions_are_refused(kind, tmp_path):
    write_session(tmp_path, **{"session.xml": HOSTILE_XML[kind]})
    with refused(tmp_path, "1: unreadable: session.xml"):
        find_clips(tmp_path)


@pytest.mark.parametrize("frame", ["\u00b2", "9" * 9000, "-1", "1e3", "0x1", ""])
def test_a_mark_without_a_number_is_none(frame, tmp_path):
    write_session(tmp_path, **{"S001-001-oao_aucs.xml": MARKS.replace('"3"', f'"{frame}"').encode()})
    (clip,) = find_clips(tmp_path).clips
    assert clip.apex is None


def test_elements_in_elements_are_read(tmp_path):
    write_session(tmp_path, **{"session.xml": b"<x>" * 120_000 + b"</x>" * 120_000})
    with read_or_refused():
        assert len(find_clips(tmp_path).clips) == 1


@inputs(
    800,
    st.sampled_from([SESSION, LABEL, MARKS]).flatmap(lambda t: damaged(t.encode())),
    st.sampled_from("abc"),
)
def test_damaged_sessions_are_read_or_refused(folder, content, which):
    names = {"a": "session.xml", "b": "S001-001.xml", "c": "S001-001-oao_aucs.xml"}
    write_session(folder / "mmi", **{names[which]: content})
    with read_or_refused(folder / "mmi"):
        assert len(find_clips(folder / "mmi").clips) == 1


def face(number: int, size=(90, 120)) -> np.ndarray:
    return np.asarray(Image.linear_gradient("L").resize(size).rotate(number).convert("RGB"))


def encoded(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def video(path: Path, codec: str = "MJPG", size=(90, 120)) -> bytes:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 24, size)
    for number in range(5):
        writer.write(face(number, size))
    writer.release()
    return path.read_bytes()


def read_clip(*paths: Path):
    for frame in frames_of([Clip("1/S001-001", "S001", "HA", paths)]):
        with read_or_refused():
            image = read_frame(frame)
            assert (image.dtype, image.shape[2]) == (np.uint8, 3)


@inputs(200, content=damaged(encoded(face(0))))
def test_damaged_frames_are_read_or_refused(content, folder):
    write(folder / "frame1.png", encoded(face(1)))
    read_clip(write(folder / "frame0.png", content), folder / "frame1.png")


@inputs(400, st.data(), st.sampled_from(["MJPG avi", "mp4v mp4", "mpg1 mpg", "WMV2 wmv"]))
def test_damaged_videos_are_read_or_refused(folder, data, kind):
    codec, suffix = kind.split()
    whole = folder / f"whole.{suffix}"
    content = whole.read_bytes() if whole.exists() else video(whole, codec)
    read_clip(write(folder / f"clip.{suffix}", data.draw(damaged(content))))


def test_a_video_of_millions_of_samples_is_refused(tmp_path):
    content = bytearray(video(tmp_path / "whole.mp4", "mp4v"))
    table = content.index(b"stsz")
    content[table + 8 : table + 16] = struct.pack(">II", 1, 80_000_000)
    path = write(tmp_path / "S001-001.mp4", content)
    with refused("truncated", kind=BadPicture):
        read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0])


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile whole.avi\n", "#EXTM3U\n#EXTINF:9,\nwhole.avi\n"]
)
def test_a_playlist_is_no_video(text, tmp_path):
    video(tmp_path / "whole.avi")
    path = write(tmp_path / "S001-001.avi", text.encode())
    with refused("is not a video", kind=BadPicture):
        read_frame(frames_of([Clip("1", "S001", "HA", (path,))])[0])


def test_a_clip_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gcn_tf.pipelines.mmi.frames.LONGEST_CLIP", 3 * 90 * 120)
    video(tmp_path / "S001-001.avi")
    frames = [write(tmp_path / f"frame{n}.png", encoded(face(n))) for n in range(4)]
    for files in ((tmp_path / "S001-001.avi",), tuple(frames)):
        with refused("too long", kind=BadPicture):
            read_frame(frames_of([Clip("1", "S001", "HA", files)])[1])


@pytest.mark.parametrize("apex", [7, None])
def test_frames_that_change_their_size_are_scaled_or_refused(apex, tmp_path):
    """OpenCV scales them to the size of the first, today."""
    streams = [video(tmp_path / "part.mpg", "mpg1", size) for size in ((90, 120), (180, 240))]
    path = write(tmp_path / "S001-001.mpg", b"".join(streams))
    with read_or_refused("wrong-sized"):
        assert read_frame(frames_of([Clip("1", "S001", "HA", (path,), apex)])[1]).shape == (120, 90, 3)


def test_frames_that_the_decoder_gives_in_other_sizes_are_refused(tmp_path, monkeypatch):
    given = [face(0), face(1), face(2, (180, 240)), face(3)]

    class Capture:
        def __init__(self, *arguments):
            self.left = iter(given)

        def get(self, what):
            return 90.0

        def read(self):
            image = next(self.left, None)
            return image is not None, image

        def release(self):
            pass

    video(tmp_path / "S001-001.avi")
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    first, apex = frames_of([Clip("1", "S001", "HA", (tmp_path / "S001-001.avi",))])
    assert read_frame(first).shape == (120, 90, 3)
    with refused("wrong-sized: its frames change their size", kind=BadPicture):
        read_frame(apex)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Prepared data of two sessions, and the files that they consist of."""
    folder, root = tmp_path_factory.mktemp("sessions"), tmp_path_factory.mktemp("prepared")
    person = cv2.resize(astronaut()[:290, 120:334], (180, 240), interpolation=cv2.INTER_AREA)
    for number in (1, 2):
        frames = {f"frame{n}.png": encoded(np.roll(person, n * number, axis=0)) for n in range(3)}
        write_session(folder, number, **frames)
    load_mmi(24, root, folder)
    return root, contents(root)


@inputs(300, st.data())
def test_damaged_prepared_clips_are_read_or_refused(prepared, data):
    root, files = prepared
    with one_damaged(files, data), read_or_refused(root / "mmi/posed-24"):
        faces = load_mmi(24, root)
        assert faces.images.shape == (4, 24, 24, 3)
        assert list(faces.emotion) == ["NE", "HA"] * 2
        assert set(faces.person) == {"S001"}


def test_prepared_clips_are_read(prepared):
    root, _ = prepared
    faces = load_mmi(24, root)
    assert list(zip(faces.emotion.tolist(), faces.session.tolist(), strict=True)) == [
        ("NE", "1"),
        ("HA", "1"),
        ("NE", "2"),
        ("HA", "2"),
    ]
