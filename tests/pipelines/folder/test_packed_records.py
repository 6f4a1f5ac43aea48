"""Many pictures in records: decoded once, packed in a file, and mapped at every later start."""

import io
import json
from contextlib import nullcontext

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gcn_tf.pipelines.folder import packed, pictures, records
from gcn_tf.pipelines.folder.fitting import Form
from gcn_tf.pipelines.folder.labels import Labels
from gcn_tf.pipelines.folder.records import Records

COUNT = 23
FORM = Form((8, 8), 0, "stretch", (0, 0, 0))


def encoded(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    return content.getvalue()


def colors(rng):
    return [encoded(rng.integers(0, 256, (8, 8, 3), np.uint8)) for _ in range(COUNT)]


def greys_in_rgb(rng):
    return [encoded(np.repeat(rng.integers(0, 256, (8, 8, 1), np.uint8), 3, axis=2)) for _ in range(COUNT)]


def sixteen_bits(rng):
    return [encoded(rng.integers(0, 1000 * (n + 1), (8, 8), np.uint16)) for n in range(COUNT)]


@pytest.fixture(params=[colors, greys_in_rgb, sixteen_bits], ids=lambda make: make.__name__)
def contents(request):
    made = request.param(np.random.default_rng(0))
    made[7] = b"no picture"
    return made


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Records as they are at a start, and how many pictures were decoded."""
    monkeypatch.setattr(pictures, "PART", 5)
    monkeypatch.setattr(pictures, "PACKED_FROM", 0)
    stored = tmp_path / "records"
    decode, count = pictures.decode_content, []

    def counted(content, form):
        count.append(content)
        return decode(content, form)

    monkeypatch.setattr(pictures, "decode_content", counted)

    def start(contents, packs=True):
        if not stored.exists() or stored.read_bytes() != b"".join(contents):
            stored.write_bytes(b"".join(contents))
        labels = Labels((), tuple(map(str, range(COUNT))), {}, "", ())
        data = tf.data.Dataset.from_tensor_slices(contents)
        cache = tmp_path / "cache" if packs else None
        return Records(labels, data, (None, None, None), nullcontext, (stored,), cache)

    start.count = count
    return start


def same(one, other):
    assert np.array_equal(one.images, other.images)
    assert np.array_equal(one.good, other.good)
    assert (one.problems, one.sha256) == (other.problems, other.sha256)


ROWS = range(2, COUNT)


def test_packed_records_are_those_of_memory(source, contents):
    same(source(contents).decoded(ROWS, FORM), source(contents, packs=False).decoded(ROWS, FORM))


def test_notes_of_parts_are_told_once(source):
    notes = source(sixteen_bits(np.random.default_rng(0))).decoded(ROWS, FORM).notes
    assert notes == ("some pictures have 16 bits: 0 to 65,535 become black to white",)


def test_a_second_start_decodes_nothing(source, contents, monkeypatch):
    first = source(contents).decoded(ROWS, FORM)
    source.count.clear()
    monkeypatch.setattr(records, "all_grey", None)  # nor does it look for colours
    again = source(contents).decoded(ROWS, FORM)
    assert not source.count
    assert not again.images.flags.owndata
    assert again.pixels_sha256 == first.pixels_sha256
    same(first, again)


def test_packing_goes_on_after_a_kill(source, contents, monkeypatch, tmp_path):
    whole = source(contents, packs=False).decoded(ROWS, FORM)
    append = packed.Packed.append

    def killed(self, decoded, files):
        append(self, decoded, files)
        if self.files == 15:
            raise KeyboardInterrupt

    monkeypatch.setattr(packed.Packed, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        source(contents).decoded(ROWS, FORM)
    monkeypatch.setattr(packed.Packed, "append", append)
    source.count.clear()
    same(source(contents).decoded(ROWS, FORM), whole)
    assert source.count == contents[17:]
    (folder,) = (tmp_path / "cache").glob("packed-*")
    assert [json.loads(line)["files"] for line in (folder / "parts.jsonl").open()] == [5, 5, 5, 5, 1]


def test_other_records_other_rows_and_other_parts_are_packed_anew(source):
    made = colors(np.random.default_rng(0))
    first = source(made).decoded(ROWS, FORM)
    assert len(source(made).decoded(range(5), FORM).images) == 5
    other = colors(np.random.default_rng(1))
    assert not np.array_equal(source(other).decoded(ROWS, FORM).images, first.images)


@pytest.mark.parametrize("packs", (True, False))
def test_pictures_come_in_the_order_of_the_rows(source, packs):
    made = colors(np.random.default_rng(0))
    rows = [3, 9, 20, 1, 2, 4, 0]
    whole = source(made, packs).decoded(range(COUNT), FORM).images
    assert np.array_equal(source(made, packs).decoded(rows, FORM).images, whole[rows])


def test_few_records_are_held_in_memory(source, monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, "PACKED_FROM", 1 << 40)
    source(colors(np.random.default_rng(0))).decoded(ROWS, FORM)
    assert not (tmp_path / "cache").exists()
