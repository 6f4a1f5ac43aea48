"""Many own pictures: packed in a file part by part, checked, and mapped."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from gcn_tf.config.files import resolve, with_settings
from gcn_tf.errors import UserError
from gcn_tf.pipelines.dataset import data_sha256
from gcn_tf.pipelines.folder import packed, pictures
from gcn_tf.pipelines.folder.pictures import read_pictures
from gcn_tf.pipelines.split import load_split

SIZE = (8, 8)
BLACK = (0, 0, 0)
COUNT = 23


@pytest.fixture
def files(tmp_path):
    """Noise, one file of 16 bits, and one that is no picture."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{n:02}.png")
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(folder / "05.png")
    (folder / "07.png").write_text("no picture")
    return sorted(folder.iterdir())


@pytest.fixture
def read(files, tmp_path, monkeypatch):
    """Read the files packed in parts of five, and what the user was told."""
    monkeypatch.setattr(pictures, "PART", 5)
    said = []

    def read(packs=True, these=files):
        monkeypatch.setattr(pictures, "PACKED_FROM", 0 if packs else 1 << 40)
        return read_pictures(these, SIZE, 3, "stretch", BLACK, tmp_path / "cache", said.append)

    read.said = said
    return read


@pytest.fixture
def decoded_files(monkeypatch):
    count = []
    decode = pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda path, form: (count.append(path), decode(path, form))[1])
    return count


def pack(tmp_path):
    (folder,) = (tmp_path / "cache").glob("packed-*")
    return folder


def without_counts(note):
    """A note of all pictures at once as one of a part of them."""
    return re.sub(r"^[\d,]+ (pictures have 16 bits), with values up to [\d,]+", r"some \1", note)


def same(one, other):
    assert np.array_equal(one.images, other.images)
    assert np.array_equal(one.good, other.good)
    assert (one.problems, one.sha256) == (other.problems, other.sha256)
    assert [without_counts(note) for note in one.notes] == [without_counts(note) for note in other.notes]


def test_packed_pictures_are_those_of_memory(read, files):
    same(read(), read(packs=False))
    assert not read.said


def test_a_second_start_decodes_nothing_and_takes_no_memory_of_its_own(read, decoded_files):
    first = read()
    decoded_files.clear()
    again = read()
    assert not decoded_files
    same(first, again)
    assert again.pixels_sha256 == first.pixels_sha256
    assert not again.images.flags.owndata
    assert again.images.flags.writeable  # so that TensorFlow takes it where it lies
    again.images[0] = 0  # which the file does not notice
    same(first, read())


def test_preparation_goes_on_after_a_kill(read, tmp_path, decoded_files, monkeypatch):
    whole = read(packs=False)
    decoded_files.clear()
    append = packed.Packed.append

    def killed(self, decoded, files):
        append(self, decoded, files)
        if self.files == 15:
            raise KeyboardInterrupt

    monkeypatch.setattr(packed.Packed, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        read()
    with (pack(tmp_path) / "pixels").open("ab") as file:
        file.write(b"half a part")
    monkeypatch.setattr(packed.Packed, "append", append)
    decoded_files.clear()
    same(read(), whole)
    assert {path.name for path in decoded_files} == {f"{n:02}.png" for n in range(15, COUNT)} | {"05.png"}


@pytest.mark.parametrize("damage", ("flipped", "cut", "contents", "line"))
def test_damage_is_told_and_read_again(read, tmp_path, damage):
    whole = read()
    expected = whole.images.copy()
    pixels, contents, lines = (pack(tmp_path) / name for name in ("pixels", "contents", "parts.jsonl"))
    if damage == "flipped":
        content = bytearray(pixels.read_bytes())
        content[8 * 8 * 3 * 12] ^= 1
        pixels.write_bytes(content)
    elif damage == "cut":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "contents":
        contents.write_bytes(contents.read_bytes()[:-1])
    else:
        lines.write_text(lines.read_text()[:-20])
    again = read()
    assert np.array_equal(again.images, expected)
    assert again.sha256 == whole.sha256
    assert len(read.said) == (damage != "line")  # a line that is not complete is what a kill leaves
    assert all("damaged" in line for line in read.said)


def test_unchanged_pixels_are_not_read_to_check_them(read, monkeypatch):
    read()

    def never(*arguments):
        pytest.fail("read again")

    monkeypatch.setattr(packed, "_read_sha256", never)
    read()


def test_changed_files_are_another_pack_and_old_packs_go(read, files, tmp_path):
    for count in (COUNT, 20, 19, 18, 17):
        read(these=files[:count])
    assert len(list((tmp_path / "cache").glob("packed-*"))) == packed.MOST_FOLDERS


def test_a_full_disk_is_one_line(read, monkeypatch):
    monkeypatch.setattr(packed.shutil, "disk_usage", lambda path: packed.shutil._ntuple_diskusage(9, 9, 9))
    with pytest.raises(UserError, match=r"23 pictures of 8x8 .* --data-dir"):
        read()


@pytest.fixture
def labelled(tmp_path):
    """Two pictures of each of six cells."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    lines = ["file_name,shape,shade"]
    for n in range(12):
        Image.fromarray(np.full((8, 8, 3), 9 + 20 * n, np.uint8)).save(folder / f"{n}.png")
        lines.append(f"{n}.png,{'abc'[n // 2 % 3]},{'xy'[n // 6]}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def loaded(folder, tmp_path, **settings):
    given = {"data_dir": str(tmp_path / "data"), "image_size": 28, "holdout": ["none"], **settings}
    return load_split(with_settings(resolve(dataset=str(folder)), given, "test")).dataset


def test_a_dataset_of_packed_pictures_is_mapped_too(labelled, tmp_path, monkeypatch):
    in_memory = loaded(labelled, tmp_path)
    monkeypatch.setattr(pictures, "PACKED_FROM", 0)
    mapped = loaded(labelled, tmp_path)
    assert np.array_equal(mapped.images, in_memory.images)
    assert np.array_equal(mapped.base_ids, in_memory.base_ids)
    for mine, theirs in zip(mapped.repeats, in_memory.repeats, strict=True):
        assert np.array_equal(mine, theirs)
    assert np.may_share_memory(mapped.images, mapped.images.base)
    assert mapped.pixels_sha256
    assert not in_memory.pixels_sha256
    other = loaded(labelled, tmp_path, limit=["shape=2"])
    assert data_sha256(other) != data_sha256(mapped) == data_sha256(loaded(labelled, tmp_path))


def test_the_second_picture_of_a_cell_takes_the_place_of_a_bad_first_one(labelled, tmp_path, monkeypatch):
    for n in range(12, 60):  # so that one bad picture is below the share that may be
        Image.fromarray(np.full((8, 8, 3), (n, 99, 0), np.uint8)).save(labelled / f"{n}.png")
    more = [f"{n}.png,{'abc'[n % 3]},{'xy'[n % 2]}" for n in range(12, 60)]
    path = labelled / "labels.csv"
    path.write_text("\n".join([path.read_text(), *more]))
    (labelled / "2.png").write_text("no picture")
    in_memory = loaded(labelled, tmp_path)
    monkeypatch.setattr(pictures, "PACKED_FROM", 0)
    mapped = loaded(labelled, tmp_path)
    order = [np.lexsort(dataset.base_ids.T) for dataset in (in_memory, mapped)]
    assert np.array_equal(in_memory.images[order[0]], mapped.images[order[1]])
    assert not mapped.pixels_sha256


def test_parts_say_what_they_hold(read, tmp_path):
    read()
    parts = [json.loads(line) for line in (pack(tmp_path) / "parts.jsonl").read_text().splitlines()]
    assert [part["files"] for part in parts] == [5, 5, 5, 5, 3]
    assert sum(part["pictures"] for part in parts) == COUNT - 1
    assert [number for part in parts for number, _ in part["problems"]] == [7]
