"""KDEF: finding its files, refusing bad ones, preparing and reading again. The pictures are made up."""

import contextlib
import functools
import io
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from skimage.data import astronaut
from tensorflow_datasets.core import shuffle

from gcn_tf.errors import UserError
from gcn_tf.pipelines.kdef import files
from gcn_tf.pipelines.kdef.files import KdefError, config_name, find_files
from gcn_tf.pipelines.kdef.kdef_dataset_builder import Builder
from gcn_tf.pipelines.kdef.pictures import load_kdef
from gcn_tf.pipelines.photographs import prepared_faces as face_pictures
from gcn_tf.pipelines.photographs.prepared_faces import FacePictures, require_few_bad

STRAIGHT = ("AF01NES", "AF01HAS", "BF01NES", "AM02NES", "BM02SUS")
OTHERS = ("AF01NEHL", "AM02NEFR")
IN_ORDER = [
    ("M02", "A", "NE"),
    ("M02", "B", "SU"),
    ("F01", "A", "HA"),
    ("F01", "A", "NE"),
    ("F01", "B", "NE"),
]
SIDE = 24


@functools.cache
def photograph(name: str, size: tuple[int, int] = (562, 762)) -> bytes:
    """A JPEG with a face that differs a little from name to name."""
    head = cv2.resize(astronaut()[:290, 120:334], size, interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(list(name.encode()))
    shift = np.float32([[1, 0, rng.integers(-20, 20)], [0, 1, rng.integers(-20, 20)]])
    image = cv2.warpAffine(head, shift, size, borderMode=cv2.BORDER_REPLICATE) * rng.uniform(0.7, 1)
    return jpeg(image.astype(np.uint8))


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return file.getvalue()


@functools.cache
def blank(gray: int = 90) -> bytes:
    return jpeg(np.full((762, 562, 3), gray, np.uint8))


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_tree(folder: Path, names=STRAIGHT + OTHERS) -> None:
    for name in names:
        write(folder / "KDEF" / name[:4] / f"{name}.JPG", photograph(name))


def write_flat(folder: Path, names=STRAIGHT + OTHERS) -> None:
    for name in names:
        write(folder / f"{name}.JPG", photograph(name))


def write_lower_case(folder: Path) -> None:
    for name in (n.lower() for n in STRAIGHT + OTHERS):
        write(folder / "kdef" / name[:4] / f"{name}.jpg", photograph(name.upper()))


def write_zip(folder: Path, name: str = "KDEF_and_AKDEF.zip") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("KDEF_and_AKDEF/AKDEF/MNES.JPG", b"an averaged face")
        archive.writestr("__MACOSX/KDEF/AF01/._AF01NES.JPG", b"a resource fork")
        for stem in STRAIGHT + OTHERS:
            archive.writestr(f"KDEF_and_AKDEF/KDEF/{stem[:4]}/{stem}.JPG", photograph(stem))
    return folder / name


LAYOUTS = {
    "tree": write_tree,
    "flat": write_flat,
    "lower case": write_lower_case,
    "zip": write_zip,
    "zip in any case": lambda folder: write_zip(folder / "downloads", "Kdef.ZIP"),
    "zip and unpacked": lambda folder: (write_tree(folder), write_zip(folder)),
    "the folder KDEF itself": lambda folder: (write_tree(folder), (folder / "KDEF").rename(folder / "x"))[1],
    "a link": lambda folder: (
        write_tree(folder.parent / "disk"),
        (folder / "KDEF").symlink_to(folder.parent / "disk"),
    ),
}


@pytest.fixture
def by_hand(tmp_path):
    folder = tmp_path / "by_hand"
    write_tree(folder)
    return folder


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def lenient(monkeypatch):
    monkeypatch.setattr(face_pictures, "BAD_PERCENT", 90.0)


def labels(faces: FacePictures) -> list[tuple[str, str, str]]:
    return list(zip(faces.person.tolist(), faces.session.tolist(), faces.emotion.tolist(), strict=True))


def one_line(refusal) -> str:
    message = str(refusal.value)
    assert "\n" not in message
    return message


class TestBuilder(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder: registered, valid tags, examples of the declared shapes, reloading."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["straight-158"]  # noqa: RUF012
    SPLITS = {"train": len(STRAIGHT)}  # noqa: RUF012

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        write_tree(Path(cls.EXAMPLE_DIR))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.EXAMPLE_DIR)


def test_builder_says_where_to_ask_for_kdef_and_whom_to_cite():
    metadata = Builder.get_metadata()
    assert "Karolinska" in metadata.description
    assert "Lundqvist" in metadata.citation
    instructions = Builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    assert all(word in instructions for word in ("https://kdef.se", "KDEF_and_AKDEF.zip", "AF01/AF01AFS.JPG"))


@pytest.fixture(scope="module")
def from_tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    write_tree(folder / "by_hand")
    return load_kdef(SIDE, folder / "data", folder / "by_hand")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_dataset(layout, tmp_path, from_tree):
    (tmp_path / "by_hand").mkdir()
    LAYOUTS[layout](tmp_path / "by_hand")
    faces = load_kdef(SIDE, tmp_path / "data", tmp_path / "by_hand")
    assert labels(faces) == labels(from_tree) == IN_ORDER
    assert set(faces.view) == {"S"}
    np.testing.assert_array_equal(faces.images, from_tree.images)
    assert (faces.no_face, faces.bad, faces.notes) == ((), (), ())


def test_examples_name_their_file_and_box(by_hand, data_dir):
    load_kdef(158, data_dir, by_hand)
    dataset = Builder(data_dir=data_dir, config="straight-158").as_dataset(split="train")
    examples = {e["file"].decode(): e for e in tfds.as_numpy(dataset)}
    example = examples["AM02NES.JPG"]
    assert (example["person"], example["session"], example["emotion"]) == (
        b"M02",
        b"A",
        files.EMOTIONS.index("NE"),
    )
    assert example["image"].shape == (158, 158, 3)
    assert example["face_found"]
    left, top, width, height = example["box"].tolist()
    assert 100 <= left <= 180 and 130 <= top <= 220 and width == height and 220 <= width <= 300  # noqa: PT018
    assert sorted(examples) == sorted(f"{name}.JPG" for name in STRAIGHT)


def test_the_crop_shows_the_face(from_tree):
    head = np.asarray(Image.open(io.BytesIO(photograph("AF01NES"))))
    face = from_tree.images[IN_ORDER.index(("F01", "A", "NE"))]
    wanted = cv2.resize(head[150:450, 120:420], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(face.ravel(), wanted.ravel())[0, 1] > 0.8


def test_views_are_selectable_and_only_their_files_are_decoded(by_hand, data_dir, monkeypatch):
    read = []
    monkeypatch.setattr(
        files, "decode", lambda content, size: read.append(content) or np.zeros((762, 562, 3), np.uint8)
    )
    faces = load_kdef(SIDE, data_dir, by_hand, views=("FR", "HL"))
    assert faces.view.tolist() == ["FR", "HL"]
    assert set(read) == {photograph(name) for name in OTHERS}
    assert (data_dir / "kdef/hl-fr-24").is_dir()
    assert len(load_kdef(SIDE, data_dir, by_hand, views=files.VIEWS).images) == 7
    assert (data_dir / "kdef/all-views-24").is_dir()


@pytest.mark.parametrize("size, views", [(158, ("S",)), (158, files.VIEWS), (64, ("S",))])
def test_configs_are_named_by_views_and_size(size, views):
    assert config_name(size, views) == f"{'straight' if len(views) == 1 else 'all-views'}-{size}"


def test_prepared_data_are_read_without_the_folder_and_quickly(by_hand, data_dir):
    first = load_kdef(SIDE, data_dir, by_hand)
    shutil.rmtree(by_hand)
    start = time.monotonic()
    second = load_kdef(SIDE, data_dir)
    assert time.monotonic() - start < 5
    np.testing.assert_array_equal(first.images, second.images)
    assert labels(first) == labels(second)


def test_nothing_but_a_progress_bar_is_printed(by_hand, data_dir, capfd):
    load_kdef(SIDE, data_dir, by_hand)
    captured = capfd.readouterr()
    lines = [
        line for line in re.split(r"[\r\n]+", captured.err) if "0000 00:" not in line
    ]  # TensorFlow's start-up
    assert captured.out == ""
    assert all(line.startswith("preparing kdef: ") for line in lines if line.strip())


def test_two_official_misnomers_are_read_as_what_they_are(tmp_path):
    for name in ("AF31V", "AM31H"):
        write(tmp_path / f"{name}.JPG", photograph(name))
    found = find_files(tmp_path)
    assert [file.name for file in found.pictures] == ["AM31SUHR.JPG", "AF31SAHL.JPG"]
    assert found.bad == ()


# Each adds one bad file to the folder and returns what is said of it.
def _misnamed(folder):
    write(folder / "KDEF/AF01/AF01XXS.JPG", photograph("AF01NES"))
    return "AF01XXS.JPG: misnamed"


def _unknown_person(folder):
    write(folder / "KDEF/AF36/AF36NES.JPG", photograph("AF01NES"))
    return "AF36NES.JPG: misnamed"


def _duplicate(folder):
    write(folder / "KDEF/again/AF01NES.JPG", photograph("AF01NES"))
    return "KDEF/again/AF01NES.JPG: duplicate of KDEF/AF01/AF01NES.JPG"


def _other_duplicate(folder):
    write(folder / "KDEF/again/af01nes.jpeg", photograph("BF01NES"))
    return "KDEF/again/af01nes.jpeg: duplicate of KDEF/AF01/AF01NES.JPG"


def _unreadable(folder):
    write(folder / "KDEF/AF02/AF02NES.JPG", b"no picture at all")
    return "AF02NES.JPG: unreadable: not a JPEG or PNG picture"


def _empty(folder):
    write(folder / "KDEF/AF02/AF02NES.JPG", b"")
    return "AF02NES.JPG: unreadable: not a JPEG or PNG picture"


def _truncated(folder):
    write(folder / "KDEF/AF02/AF02NES.JPG", photograph("AF02NES")[:-3000])
    return "AF02NES.JPG: truncated: the file ends too early"


def _half_sized(folder):
    write(folder / "KDEF/AF02/AF02NES.JPG", photograph("AF02NES", (281, 381)))
    return "AF02NES.JPG: wrong-sized: 281x381 instead of 562x762"


def _turned(folder):
    write(folder / "KDEF/AF02/AF02NES.JPG", photograph("AF02NES", (762, 562)))
    return "AF02NES.JPG: wrong-sized: 762x562 instead of 562x762"


def _too_large(folder):
    with write(folder / "KDEF/AF02/AF02NES.JPG", b"").open("wb") as file:
        file.truncate(files.LARGEST_FILE + 1)
    return "AF02NES.JPG: unreadable: 20000001 bytes are too many for a picture"


def _link_into_nothing(folder):
    (folder / "KDEF/AF02NES.JPG").symlink_to(folder / "nowhere")
    return f"AF02NES.JPG: unreadable: [Errno 2] No such file or directory: '{folder}/KDEF/AF02NES.JPG'"


BAD_FILES = [
    _misnamed,
    _unknown_person,
    _duplicate,
    _other_duplicate,
    _unreadable,
    _empty,
    _truncated,
    _half_sized,
    _turned,
    _too_large,
    _link_into_nothing,
]


@pytest.mark.parametrize("add_bad_file", BAD_FILES)
def test_bad_files_are_named_and_left_out(add_bad_file, by_hand, data_dir, lenient, from_tree):
    said = add_bad_file(by_hand)
    for faces in (load_kdef(SIDE, data_dir, by_hand), load_kdef(SIDE, data_dir)):
        assert faces.bad == (said,)
        assert labels(faces) == IN_ORDER
        np.testing.assert_array_equal(faces.images, from_tree.images)


@pytest.mark.parametrize("add_bad_file", [_misnamed, _duplicate, _truncated])
def test_more_than_one_percent_bad_is_an_error_that_leaves_nothing_behind(add_bad_file, by_hand, data_dir):
    said = add_bad_file(by_hand)
    with pytest.raises(KdefError) as refusal:
        load_kdef(SIDE, data_dir, by_hand)
    message = one_line(refusal)
    assert f"1 of 6 pictures in --manual-dir {by_hand} are bad, at most 1 % may be: {said}: " in message
    assert "https://kdef.se" in message
    with pytest.raises(KdefError, match="kdef is not prepared"):
        load_kdef(SIDE, data_dir)


def test_up_to_one_percent_bad_is_no_error(tmp_path, data_dir):
    for number, person in enumerate(files.PERSONS):
        write(tmp_path / f"kdef/A{person}NES.JPG", blank(number))
        write(tmp_path / f"kdef/A{person}HAS.JPG", blank(100 + number))
    write(tmp_path / "kdef/AF01NES.JPG", b"torn")
    faces = load_kdef(SIDE, data_dir, tmp_path / "kdef")
    assert faces.bad == ("AF01NES.JPG: unreadable: not a JPEG or PNG picture",)
    assert len(faces.images) == len(faces.no_face) == 139


@pytest.mark.parametrize(
    "bad, total, refused", [(0, 5, 0), (1, 100, 0), (1, 99, 1), (9, 980, 0), (10, 980, 1)]
)
def test_the_limit_is_one_percent(bad, total, refused, tmp_path):
    names = [f"{n}.JPG: torn" for n in range(bad)]
    naming = "; and 5 more" if bad == 10 else "0.JPG: torn"
    expected = pytest.raises(KdefError, match=f"{bad} of {total} pictures .*{naming}: put the original")
    with expected if refused else contextlib.nullcontext():
        require_few_bad(names, total, tmp_path, KdefError, "https://kdef.se")


def test_entries_damaged_in_a_zip_are_named(tmp_path, data_dir, lenient):
    path = write_zip(tmp_path / "by_hand")
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("KDEF_and_AKDEF/KDEF/AF01/AF01NES.JPG")
    content = bytearray(path.read_bytes())
    for offset in range(2000, 4000):
        content[entry.header_offset + offset] ^= 0xFF
    path.write_bytes(content)
    faces = load_kdef(SIDE, data_dir, tmp_path / "by_hand")
    assert len(faces.images) == 4
    assert len(faces.bad) == 1
    assert faces.bad[0].startswith("AF01NES.JPG: unreadable: ")


def test_nothing_is_unpacked_to_disk(tmp_path, data_dir):
    folder = tmp_path / "by_hand"
    with zipfile.ZipFile(write_zip(folder), "a") as archive:
        archive.writestr("../../BM02AFS.JPG", photograph("BM02AFS"))  # a name that would leave the folder
    assert len(load_kdef(SIDE, data_dir, folder).images) == 6
    assert [path.name for path in folder.iterdir()] == ["KDEF_and_AKDEF.zip"]
    assert not list(tmp_path.rglob("*.JPG"))


def test_a_broken_zip_is_named(tmp_path, data_dir):
    write(tmp_path / "KDEF.zip", b"PK but no zip")
    with pytest.raises(
        KdefError, match=rf"cannot open {tmp_path}/KDEF.zip .* get it again from https://kdef.se$"
    ):
        load_kdef(SIDE, data_dir, tmp_path)


def test_one_content_under_two_names_is_noted(by_hand, data_dir):
    write(by_hand / "KDEF/AF01/AF01SAS.JPG", photograph("AF01NES"))
    faces = load_kdef(SIDE, data_dir, by_hand)
    assert faces.notes == ("AF01SAS.JPG: same content as AF01NES.JPG",)
    assert len(faces.images) == 6


def test_pictures_without_a_face_are_listed_and_cropped_at_the_median(by_hand, data_dir):
    image = np.full((762, 562, 3), 90, np.uint8)
    image[200:400, 150:400] = (200, 80, 10)
    write(by_hand / "KDEF/AF01/AF01AFS.JPG", jpeg(image))
    load_kdef(158, data_dir, by_hand)
    faces = load_kdef(158, data_dir)
    assert faces.no_face == ("AF01AFS.JPG",)
    assert labels(faces) == [*IN_ORDER[:2], ("F01", "A", "AF"), *IN_ORDER[2:]]
    stored = json.loads(next(data_dir.rglob("1.0.0/metadata.json")).read_text())
    assert stored == {"no_face": ["AF01AFS.JPG"], "bad": [], "notes": []}
    examples = list(
        tfds.as_numpy(Builder(data_dir=data_dir, config="straight-158").as_dataset(split="train"))
    )
    boxes = np.array([e["box"] for e in examples if e["face_found"]])
    (without,) = (e for e in examples if not e["face_found"])
    np.testing.assert_allclose(without["box"], np.median(boxes, 0), atol=4)
    assert faces.images[2, 79, 79].tolist() == pytest.approx([200, 80, 10], abs=6)


def test_what_does_not_fit_into_the_writers_memory_goes_through_the_disk(
    by_hand, data_dir, monkeypatch, from_tree
):
    on_disk, write = [], shuffle._Bucket.add
    monkeypatch.setattr(shuffle._Bucket, "add", lambda *args: (on_disk.append(args), write(*args)))
    monkeypatch.setattr(face_pictures, "WRITER_BYTES", 2000)
    before = shuffle.MAX_MEM_BUFFER_SIZE, shuffle.BUCKETS_NUMBER
    faces = load_kdef(SIDE, data_dir, by_hand)
    assert labels(faces) == IN_ORDER
    np.testing.assert_array_equal(faces.images, from_tree.images)
    assert len(on_disk) == len(IN_ORDER)
    assert before == (shuffle.MAX_MEM_BUFFER_SIZE, shuffle.BUCKETS_NUMBER)


def test_without_prepared_data_and_folder_it_says_where_to_ask(data_dir):
    with pytest.raises(UserError) as refusal:
        load_kdef(SIDE, data_dir)
    message = one_line(refusal)
    assert all(
        word in message for word in ("https://kdef.se", "may not be redistributed", "--manual-dir FOLDER")
    )


def test_a_folder_without_kdef_is_refused(tmp_path, data_dir):
    with pytest.raises(KdefError, match=rf"--manual-dir {tmp_path}/nowhere is not a folder.*https://kdef.se"):
        load_kdef(SIDE, data_dir, tmp_path / "nowhere")
    write(tmp_path / "holidays/readme.txt", b"")
    with pytest.raises(KdefError, match=r"holds no KDEF picture of view S such as KDEF/AF01/AF01NES.JPG"):
        load_kdef(SIDE, data_dir, tmp_path / "holidays")
    write_tree(tmp_path / "straight", STRAIGHT)
    with pytest.raises(KdefError, match=r"no KDEF picture of view FL, FR such as KDEF/AF01/AF01NEFL.JPG"):
        load_kdef(SIDE, data_dir, tmp_path / "straight", views=("FR", "FL"))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"image_size": 7}, r"--image-size 7: kdef has 8 to 562 pixels"),
        ({"image_size": 9000}, r"--image-size 9000"),
        ({"views": ("s1",)}, r"no view 's1'.* known: FL, HL, S, HR, FR"),
        ({"views": ()}, r"at least one view"),
    ],
)
def test_wrong_options_are_refused(options, message, data_dir):
    with pytest.raises(KdefError, match=message):
        load_kdef(data_dir=data_dir, **options)


@pytest.mark.parametrize("pattern", ["*.tfrecord*", "dataset_info.json", "metadata.json"])
@pytest.mark.parametrize("how", ["cut", "deleted"])
def test_damaged_prepared_data_are_named(pattern, how, by_hand, data_dir):
    load_kdef(SIDE, data_dir, by_hand)
    path = next((data_dir / "kdef/straight-24").rglob(pattern))
    path.unlink() if how == "deleted" else path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(
        KdefError, match=rf"prepared data in {data_dir}/kdef/straight-24 are damaged: delete it"
    ):
        load_kdef(SIDE, data_dir, by_hand)


def test_a_data_dir_that_cannot_be_written_is_named(by_hand, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KdefError, match=rf"cannot write to {tmp_path}/file .*choose another --data-dir"):
        load_kdef(SIDE, tmp_path / "file", by_hand)


def test_a_circle_of_links_ends(by_hand):
    (by_hand / "KDEF/back").symlink_to(by_hand)
    assert len(find_files(by_hand).pictures) == len(STRAIGHT + OTHERS)


def test_persons_are_the_authors_index():
    assert len(files.PERSONS) == 70
    assert (files.PERSONS[0], files.PERSONS[34], files.PERSONS[35], files.PERSONS[69]) == (
        "M01",
        "M35",
        "F01",
        "F35",
    )


@pytest.mark.long
def test_preparation_is_fast_enough(tmp_path):
    """60 pictures a second on two cores: in processor time, for other programs may be running."""
    for name in [f"{s}{p}{e}S" for s in "AB" for p in files.PERSONS[:22] for e in files.EMOTIONS]:
        write(tmp_path / "by_hand" / f"{name}.JPG", photograph(name))
    load_kdef(SIDE, tmp_path / "warm", tmp_path / "by_hand")
    before, start = os.times(), time.monotonic()
    count = len(load_kdef(158, tmp_path / "data", tmp_path / "by_hand").images)
    after, wall = os.times(), time.monotonic() - start
    processor = after.user + after.system - before.user - before.system
    print(
        f"{count / wall:.0f} pictures a second, {1000 * processor / count:.1f} ms of processor time for each"
    )
    assert count == 308
    assert processor / count < 2 / 60
