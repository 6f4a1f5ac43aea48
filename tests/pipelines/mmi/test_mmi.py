"""MMI: reading sessions, choosing frames, preparing and reading again. The clips are made up."""

import functools
import io
import re
import shutil
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from skimage.data import astronaut

from gcn_tf.errors import UserError
from gcn_tf.pipelines.mmi.frames import frames_of, most_different, read_frame
from gcn_tf.pipelines.mmi.mmi_dataset_builder import Builder
from gcn_tf.pipelines.mmi.pictures import load_mmi
from gcn_tf.pipelines.mmi.sessions import Clip, MmiError, apex_frame, find_clips
from gcn_tf.pipelines.photographs import prepared_faces as face_pictures
from gcn_tf.pipelines.photographs.crops import BadPicture
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures

SIDE = 24
SIZE = (180, 240)  # width, height of the small frames
GREEN = (0, 250, 0)
LENGTH, PEAK = 9, 5  # frames; the one at which the green patch, our expression, is largest


@functools.cache
def frame(strength: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A face whose mouth is covered by a patch of green, as high as the expression is strong."""
    image = cv2.resize(astronaut()[:290, 120:334], size, interpolation=cv2.INTER_AREA)
    left, top, right = size[0] * 40 // 100, size[1] * 47 // 100, size[0] * 58 // 100
    image[top : top + round(strength * size[1] * 0.07), left:right] = GREEN
    return image


def clip_frames(length: int = LENGTH, peak: int = PEAK) -> list[np.ndarray]:
    return [frame(max(0.0, 1 - abs(number - peak) / peak)) for number in range(length)]


def greenness(image: np.ndarray) -> float:
    image = image.astype(float)
    return float(np.mean((image[..., 1] > 150) & (image[..., 0] < 100) & (image[..., 2] < 100)))


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def write_video(path: Path, frames: list[np.ndarray], codec: str = "MJPG") -> None:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 24, (width, height))
    for image in frames:
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    writer.release()


def write_session(
    folder: Path, number: int, clip: str, emotion: str | None, frames=None, view="0", video=False, marks=None
) -> Path:
    """A session folder as MMI has them; `marks` are (frame from 1, type) of one action unit."""
    session = folder / "Sessions" / str(number)
    session.mkdir(parents=True)
    (session / "session.xml").write_text(
        f'<?xml version="1.0"?><session sessionId="{number}"><track filename="{clip}.avi" view="{view}"/></session>'
    )
    tag = f'<Metatag Name="Emotion" Value="{emotion}"/>' if emotion else ""
    (session / f"{clip}.xml").write_text(f'<Metatags><Metatag Name="Group" Value="x"/>{tag}</Metatags>')
    if marks:
        (session / f"{clip}-oao_aucs.xml").write_text(annotation([("12", marks)]))
    frames = clip_frames() if frames is None else frames
    if video:
        write_video(session / f"{clip}.avi", frames)
    else:
        for n, image in enumerate(frames):
            (session / f"frame{n}.png").write_bytes(encoded(image))
    return session


def annotation(units: list[tuple[str, list[tuple[int, int]]]]) -> str:
    marked = "".join(
        f'<ActionUnit Number="{n}">{"".join(f"<Marker Frame={f!r} Type={t!r}/>" for f, t in _quoted(marks))}</ActionUnit>'
        for n, marks in units
    )
    return f"<AnnotationData>{marked}</AnnotationData>"


def _quoted(marks: list[tuple[int, int]]) -> list[tuple[str, str]]:
    return [(str(frame), str(kind)) for frame, kind in marks]


def write_sessions(folder: Path) -> None:
    write_session(folder, 10, "S001-002", "4", video=True)
    write_session(folder, 2, "S001-001", "4")
    write_session(folder, 3, "S002-001", "6", video=True)


IN_ORDER = [
    ("S001", "NE", "1"),
    ("S001", "HA", "1"),
    ("S001", "NE", "2"),
    ("S001", "HA", "2"),
    ("S002", "NE", "1"),
    ("S002", "SU", "1"),
]


@pytest.fixture
def by_hand(tmp_path):
    write_sessions(tmp_path / "by_hand")
    return tmp_path / "by_hand"


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def lenient(monkeypatch):
    monkeypatch.setattr(face_pictures, "BAD_PERCENT", 90.0)


def labels(faces: FacePictures) -> list[tuple[str, str, str]]:
    return list(zip(faces.person.tolist(), faces.emotion.tolist(), faces.session.tolist(), strict=True))


def only_clip(folder: Path) -> Clip:
    (clip,) = find_clips(folder).clips
    return clip


class TestBuilder(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder: registered, valid tags, examples of the declared shapes, reloading."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["posed-158"]  # noqa: RUF012
    SPLITS = {"train": len(IN_ORDER)}  # noqa: RUF012

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        write_sessions(Path(cls.EXAMPLE_DIR))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.EXAMPLE_DIR)


def test_builder_says_where_to_ask_for_mmi_and_whom_to_cite():
    metadata = Builder.get_metadata()
    assert "MMI" in metadata.description
    assert "Pantic" in metadata.citation
    assert all(
        word in Builder.MANUAL_DOWNLOAD_INSTRUCTIONS for word in ("https://mmifacedb.eu", "Sessions/1")
    )


def test_every_clip_gives_its_neutral_first_frame_and_its_apex(by_hand, data_dir):
    load_mmi(SIDE, data_dir, by_hand)
    shutil.rmtree(by_hand)
    faces = load_mmi(SIDE, data_dir)
    assert labels(faces) == IN_ORDER
    assert faces.images.shape == (6, SIDE, SIDE, 3)
    assert set(faces.view) == {"S"}
    assert (faces.no_face, faces.bad, faces.notes) == ((), (), ())
    green = [greenness(image) for image in faces.images]
    assert max(green[::2]) == 0
    assert min(green[1::2]) > 0.03


@pytest.mark.parametrize(
    "value, emotion", [("1", "AN"), ("2", "DI"), ("3", "AF"), ("5", "SA"), (" Fear ", "AF")]
)
def test_emotions_are_codes_or_words(value, emotion, tmp_path):
    write_session(tmp_path, 1, "S001-001", value)
    assert only_clip(tmp_path).emotion == emotion


def test_sessions_without_basic_emotion_or_front_are_left_out_and_counted(by_hand):
    write_session(by_hand, 20, "S003-001", None)
    write_session(by_hand, 21, "S003-002", "8")
    write_session(by_hand, 22, "S003-003", "4", view="1")
    found = find_clips(by_hand)
    assert len(found.clips) == 3
    assert found.bad == ()
    assert found.notes == (
        "sessions left out for no basic emotion: 2",
        "sessions left out for profile view: 1",
    )


@pytest.mark.parametrize("video", [False, True])
def test_an_annotated_apex_is_taken(video, tmp_path):
    write_session(tmp_path, 1, "S001-001", "4", video=video, marks=[(1, 0), (2, 1), (3, 2), (5, 3), (8, 0)])
    clip = only_clip(tmp_path)
    assert clip.apex == 2  # frames 3 and 4 are at the apex, counted from 1
    apex = read_frame(frames_of([clip])[1])
    assert greenness(apex) == pytest.approx(greenness(clip_frames()[2]), abs=0.004)


@pytest.mark.parametrize(
    "units, apex",
    [
        ([("12", [(1, 0), (10, 1), (20, 2), (31, 3), (40, 0)])], 24),
        ([("12", [(20, 2), (30, 3)]), ("6", [(26, 2), (40, 3)])], 26),
        ([("12", [(5, 2), (7, 3), (20, 2), (30, 3)])], 23),
        ([("12", [(7, 2)])], 6),
        ([("12", [(7, 1), (9, 3)])], None),
        ([], None),
    ],
)
def test_the_annotated_apex_is_the_middle_of_the_longest_time_with_most_units(units, apex):
    assert apex_frame(ElementTree.fromstring(annotation(units))) == apex


@pytest.mark.parametrize(
    "suffix, codec",
    [
        ("avi", "MJPG"),
        ("mp4", "mp4v"),
        ("mov", "mp4v"),
        ("mpg", "mpg1"),
        ("mpeg", "mpg2"),
        ("wmv", "WMV2"),
    ],
)
def test_videos_of_every_kind_are_read(suffix, codec, tmp_path):
    path = tmp_path / f"S001-001.{suffix}"
    write_video(path, clip_frames(), codec)
    first, apex = (read_frame(one) for one in frames_of([Clip("1", "S001", "HA", (path,))]))
    assert greenness(first) == 0
    assert greenness(apex) == pytest.approx(greenness(clip_frames()[PEAK]), abs=0.01)


@pytest.mark.parametrize("marks", [None, [(900, 2), (950, 3)]])
def test_without_a_usable_annotation_the_apex_differs_most_from_the_first_frame(marks, tmp_path):
    write_session(tmp_path, 1, "S001-001", "4", video=True, marks=marks)
    apex = read_frame(frames_of([only_clip(tmp_path)])[1])
    assert greenness(apex) == pytest.approx(greenness(clip_frames()[PEAK]), abs=0.004)


def test_noise_is_not_taken_for_an_expression():
    rng = np.random.default_rng(0)
    frames = [np.clip(f + rng.normal(0, 2, f.shape), 0, 255).astype(np.uint8) for f in clip_frames()]
    frames[1] = np.clip(frames[1] + rng.normal(0, 20, frames[1].shape), 0, 255).astype(np.uint8)
    assert most_different(iter(frames)) is frames[PEAK]


def test_only_a_few_frames_of_a_clip_are_in_memory():
    given = []

    def images():
        for number in range(60):
            given.append(np.full((40, 40, 3), number, np.uint8))
            yield given[-1]
            given[:] = [None]  # nothing here keeps an earlier frame

    assert most_different(images())[0, 0, 0] == 59


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_clips_that_lie_on_their_side_are_turned(turn, tmp_path):
    write_session(tmp_path, 1, "S001-001", "4", [cv2.rotate(image, turn) for image in clip_frames()])
    for picture in frames_of([only_clip(tmp_path)]):
        assert read_frame(picture).shape == (240, 180, 3)


def test_of_frontal_and_profile_side_by_side_the_front_is_cropped(tmp_path, data_dir):
    profile = np.full((240, 180, 3), 60, np.uint8)
    cv2.ellipse(profile, (90, 120), (50, 70), 0, 0, 360, (200, 150, 120), -1)
    write_session(
        tmp_path / "a", 1, "S001-001", "4", [np.hstack([profile, i]) for i in clip_frames()], view="2"
    )
    write_session(tmp_path / "b", 1, "S001-001", "4")
    both, front = (load_mmi(SIDE, data_dir / x, tmp_path / x) for x in "ab")
    assert both.no_face == ()
    assert np.corrcoef(both.images.ravel(), front.images.ravel())[0, 1] > 0.8


def test_profile_only_and_blank_clips_break_nothing(by_hand, data_dir):
    write_session(by_hand, 30, "S002-002", "1", [np.full((240, 180, 3), 90, np.uint8)] * 3)
    faces = load_mmi(SIDE, data_dir, by_hand)
    assert faces.no_face == ("30/S002-002 first", "30/S002-002 apex")
    assert len(faces.images) == 8


def test_a_single_still_is_an_apex_without_a_neutral_face(tmp_path):
    write_session(tmp_path, 1, "S001-001", "4", [frame(1.0)])
    assert [picture.emotion for picture in frames_of(find_clips(tmp_path).clips)] == ["HA"]


# Each adds one bad session to the folder and returns what is said of it.
def _torn_xml(folder):
    session = write_session(folder, 40, "S002-002", "1")
    (session / "session.xml").write_text("<session")
    return ["40: unreadable: session.xml (unclosed token: line 1, column 0)"]


def _no_video(folder):
    write_session(folder, 40, "S002-002", "1", [])
    return ["40: no video and no frames"]


def _nobody(folder):
    session = write_session(folder, 40, "S002-002", "1")
    (session / "S002-002.xml").rename(session / "labels.xml")
    return ["40: misnamed: frame0.png names no person as S001-001 does"]


def _torn_frame(folder):
    session = write_session(folder, 40, "S002-002", "1")
    (session / "frame0.png").write_bytes(b"torn")
    return [f"40/S002-002 {which}: unreadable: not a JPEG or PNG picture" for which in ("first", "apex")]


def _frames_of_two_sizes(folder):
    write_session(folder, 40, "S002-002", "1", [frame(0), frame(1, (90, 120))])
    return ["40/S002-002 apex: wrong-sized: frame1.png is not as large as the frames before"]


def _truncated_video(folder):
    path = write_session(folder, 40, "S002-002", "1", video=True) / "S002-002.avi"
    path.write_bytes(path.read_bytes()[:-5000])
    return [f"40/S002-002 {which}: truncated: the video ends too early" for which in ("first", "apex")]


def _no_video_at_all(folder):
    (write_session(folder, 40, "S002-002", "1", []) / "S002-002.avi").write_bytes(b"no video")
    return [f"40/S002-002 {which}: unreadable: S002-002.avi is not a video" for which in ("first", "apex")]


def _headless_video(folder):
    (write_session(folder, 40, "S002-002", "1", []) / "S002-002.mp4").write_bytes(
        b"\0\0\0\x18ftypmp42 and no more"
    )
    return [f"40/S002-002 {which}: unreadable: S002-002.mp4 is not a video" for which in ("first", "apex")]


BAD_SESSIONS = [
    _torn_xml,
    _no_video,
    _nobody,
    _torn_frame,
    _frames_of_two_sizes,
    _truncated_video,
    _no_video_at_all,
    _headless_video,
]


@pytest.mark.parametrize("add_bad_session", BAD_SESSIONS)
def test_bad_sessions_are_named_and_left_out(add_bad_session, by_hand, data_dir, lenient, capfd):
    said = add_bad_session(by_hand)
    faces = load_mmi(SIDE, data_dir, by_hand)
    lines = [line for line in re.split(r"[\r\n]+", capfd.readouterr().err) if "0000 00:" not in line]
    assert all(line.startswith("preparing mmi: ") for line in lines if line.strip())
    assert list(faces.bad) == said
    assert [label for label in labels(faces) if label != ("S002", "NE", "2")] == IN_ORDER


def test_more_than_one_percent_bad_is_an_error(by_hand, data_dir):
    (said,) = _no_video(by_hand)
    with pytest.raises(
        MmiError, match=rf"1 of 7 pictures in --manual-dir {by_hand} are bad, at most 1 % may be: {said}: "
    ):
        load_mmi(SIDE, data_dir, by_hand)


def test_without_prepared_data_and_folder_it_says_where_to_ask(data_dir):
    with pytest.raises(UserError) as refusal:
        load_mmi(SIDE, data_dir)
    message = str(refusal.value)
    assert all(
        word in message for word in ("https://mmifacedb.eu", "may not be redistributed", "--manual-dir")
    )
    assert "\n" not in message


def test_a_folder_without_mmi_is_refused(tmp_path, data_dir):
    with pytest.raises(
        MmiError, match=rf"--manual-dir {tmp_path}/nowhere is not a folder.*https://mmifacedb.eu"
    ):
        load_mmi(SIDE, data_dir, tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MmiError, match=r"holds no MMI session of a basic emotion: unpack Sessions/1"):
        load_mmi(SIDE, data_dir, tmp_path)


@pytest.mark.parametrize("size", [0, 7, 577])
def test_wrong_sizes_are_refused(size, data_dir):
    with pytest.raises(MmiError, match=rf"--image-size {size}: mmi has 8 to 576 pixels"):
        load_mmi(size, data_dir)


def test_other_views_are_refused(data_dir):
    with pytest.raises(MmiError, match=r"--views FL,S: mmi has the straight view only, use S"):
        load_mmi(SIDE, data_dir, views=("FL", "S"))


def test_damaged_prepared_data_are_named(by_hand, data_dir):
    load_mmi(SIDE, data_dir, by_hand)
    path = next(data_dir.rglob("*.tfrecord*"))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(MmiError, match=rf"prepared data in {data_dir}/mmi/posed-24 are damaged: delete it"):
        load_mmi(SIDE, data_dir)


def test_an_enormous_frame_is_refused(tmp_path):
    session = write_session(tmp_path, 1, "S001-001", "4")
    content = bytearray(encoded(frame(0)))
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height; the checksum is wrong, too
    (session / "frame0.png").write_bytes(content)
    with pytest.raises(BadPicture, match=r"wrong-sized|unreadable"):
        read_frame(frames_of([only_clip(tmp_path)])[0])
