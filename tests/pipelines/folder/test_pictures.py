"""Every kind and mode of picture becomes the same uint8 pixels, and a second start does not read them again."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image

from gcn_tf.errors import UserError
from gcn_tf.pipelines.folder import cache as caching
from gcn_tf.pipelines.folder import decoding, pictures
from gcn_tf.pipelines.folder.duplicates import near_duplicates, same_content
from gcn_tf.pipelines.folder.fitting import pad_box
from gcn_tf.pipelines.folder.pictures import inspect, read_pictures

WHITE, RED = (255, 255, 255), (255, 0, 0)
SUFFIXES = ("jpg", "png", "webp", "bmp", "tiff", "gif")


@pytest.fixture
def read(tmp_path):
    """Read files with a cache of their own, and expect no lines for the user."""

    def read(files, size=(32, 48), channels=3, fit="stretch", background=WHITE):
        said = []
        decoded = read_pictures(files, size, channels, fit, background, tmp_path / "cache", said.append)
        assert said == []
        return decoded

    return read


def quarters(height=64, width=96) -> np.ndarray:
    """Four differently coloured quarters: uint8 (H, W, 3)."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 40, 40)
    image[: height // 2, width // 2 :] = (40, 200, 40)
    image[height // 2 :, : width // 2] = (40, 40, 200)
    image[height // 2 :, width // 2 :] = (220, 220, 220)
    return image


def middles(image: np.ndarray) -> np.ndarray:
    """Mean colours of the middles of the quarters: (4, C)."""
    h, w = image.shape[0] // 8, image.shape[1] // 8
    return np.array(
        [image[y * h : (y + 2) * h, x * w : (x + 2) * w].mean((0, 1)) for y in (1, 5) for x in (1, 5)]
    )


def saved(path: Path, image, **options) -> Path:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_is_decoded_whatever_its_name(read, tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", quarters())
    os.rename(path, path.with_suffix(".picture"))
    decoded = read([path.with_suffix(".picture")])
    assert decoded.images.shape == (1, 32, 48, 3)
    assert decoded.images.dtype == np.uint8
    np.testing.assert_allclose(middles(decoded.images[0]), middles(quarters()), atol=8)
    assert decoded.problems == decoded.notes == ()


MODES = {
    "1": ("png", "tiff", "bmp", "gif"),
    "L": SUFFIXES,
    "LA": ("png", "tiff"),
    "P": ("png", "gif", "bmp", "tiff"),
    "RGB": SUFFIXES,
    "RGBA": ("png", "webp", "tiff"),
    "CMYK": ("jpg", "tiff"),
    "YCbCr": ("tiff",),
    "I;16": ("png", "tiff"),
}


@pytest.mark.parametrize("mode, suffix", [(m, s) for m, suffixes in MODES.items() for s in suffixes])
def test_every_mode_is_converted(read, tmp_path, mode, suffix):
    if (mode, suffix) == ("YCbCr", "tiff") and int(PIL.__version__.split(".")[0]) < 13:
        pytest.skip("Pillow before 13 cannot read this file of its own, and it is listed as a problem")
    black_and_white = np.repeat(np.where(quarters()[..., 1:2] > 100, 255, 0).astype(np.uint8), 3, 2)
    wanted = black_and_white if mode in ("1", "L", "LA", "I;16") else quarters()
    if mode == "I;16":
        picture = Image.fromarray(wanted[..., 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(wanted).convert(mode)
    decoded = read([saved(tmp_path / f"a.{suffix}", picture)])
    np.testing.assert_allclose(middles(decoded.images[0]), middles(wanted), atol=8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_pictures_are_turned_upright(read, tmp_path, orientation, suffix, fit):
    turn = (None, 0, 3, 1, 5, 2, 6, 4)[orientation - 1]  # from upright to what a camera stores
    stored = Image.fromarray(quarters())
    stored = stored if turn is None else stored.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / f"a.{suffix}", stored, exif=exif)
    inspected = inspect([path])
    assert inspected.sizes.tolist() == [[64, 96]]
    decoded = read([path], fit=fit)
    np.testing.assert_allclose(middles(decoded.images[0]), middles(quarters()), atol=8)


def test_an_orientation_after_the_pixels_of_a_png_counts(read, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.fromarray(quarters())
    path = saved(tmp_path / "a.png", upright.transpose(Image.Transpose.ROTATE_90), exif=exif)
    content = path.read_bytes()
    at = content.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(content[at : at + 4])
    last = content.index(b"IEND") - 4
    path.write_bytes(content[:at] + content[end:last] + content[at:end] + content[last:])
    np.testing.assert_allclose(middles(read([path]).images[0]), middles(quarters()), atol=2)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_show_the_background(read, tmp_path, mode):
    image = np.zeros((64, 96, 4), np.uint8)
    image[:, :48] = (0, 0, 0, 255)
    image[:, 48:] = (0, 200, 0, 0)
    path = saved(tmp_path / "a.png", Image.fromarray(image).convert(mode))
    (shown,) = read([path], background=RED).images
    np.testing.assert_allclose(shown[:, :20], 0, atol=2)
    np.testing.assert_allclose(shown[:, 28:], np.broadcast_to(RED, (32, 20, 3)), atol=2)


def test_colours_hidden_by_transparency_do_not_bleed(read, tmp_path):
    image = np.full((64, 64, 4), 255, np.uint8)
    image[:, 31:] = (0, 255, 0, 0)
    (shown,) = read([saved(tmp_path / "a.png", image)], size=(16, 16)).images
    assert shown.min() >= 250


def deep(path: Path, largest: int, suffix="png") -> Path:
    ramp = np.tile(np.linspace(0, largest, 96).astype(np.uint16), (64, 1))
    return saved(path.with_suffix(f".{suffix}"), ramp)


@pytest.mark.parametrize("largest, full", [(200, 255), (3000, 4095), (50_000, 65535)])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_pictures_share_one_range(read, tmp_path, largest, full, suffix):
    files = [deep(tmp_path / "a", largest, suffix), deep(tmp_path / "b", largest // 2, suffix)]
    decoded = read(files, channels=1)
    assert decoded.images.shape == (2, 32, 48, 1)
    tops = decoded.images.reshape(2, -1).max(1)
    np.testing.assert_allclose(tops, [255 * largest / full, 255 * largest / full / 2], atol=4)
    assert f"0 to {full:,}" in decoded.notes[0]


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_colours_keep_their_lower_bits(read, tmp_path, suffix):
    bgr = quarters()[..., ::-1].astype(np.uint16) * 16
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), bgr)
    (shown,) = read([tmp_path / f"a.{suffix}"]).images
    np.testing.assert_allclose(middles(shown), middles(quarters()) * 16 * 255 / 4095, atol=2)


def test_16_bit_colours_are_put_on_the_background(read, tmp_path):
    bgra = np.full((64, 96, 4), 65535, np.uint16)
    bgra[:, 48:, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), bgra)
    (shown,) = read([tmp_path / "a.png"], size=(64, 64), fit="pad", background=RED).images
    top, _, height, _ = pad_box((64, 96), (64, 64))
    np.testing.assert_allclose(shown[:top], np.broadcast_to(RED, shown[:top].shape))
    np.testing.assert_allclose(shown[top + 1 : top + height - 1, :30], 255, atol=2)
    np.testing.assert_allclose(shown[:, 34:], np.broadcast_to(RED, (64, 30, 3)), atol=2)


def test_a_16_bit_picture_on_its_side_is_padded_upright(read, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp = Image.fromarray(np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (64, 1)))
    path = saved(tmp_path / "a.png", ramp, exif=exif)
    (shown,) = read([path], size=(96, 96), channels=1, fit="pad").images
    assert (shown[:, :16] == 255).all()
    assert (shown[:, -16:] == 255).all()
    assert np.all(np.diff(shown[:, 48, 0].astype(int)) >= 0)


def test_padding_keeps_proportions_and_can_be_undone(read, tmp_path):
    path = saved(tmp_path / "a.png", quarters())
    (shown,) = read([path], size=(48, 48), fit="pad", background=RED).images
    top, left, height, width = pad_box((64, 96), (48, 48))
    assert (top, left, height, width) == (8, 0, 32, 48)
    around = np.ones((48, 48), bool)
    around[top : top + height, left : left + width] = False
    assert (shown[around] == RED).all()
    inner = shown[top : top + height, left : left + width]
    np.testing.assert_allclose(middles(inner), middles(quarters()), atol=2)


@pytest.mark.parametrize("picture", [(1, 1), (1, 5000), (5000, 1), (3, 7), (64, 64), (333, 500)])
@pytest.mark.parametrize("size", [(28, 28), (64, 32), (31, 57)])
def test_a_padded_picture_lies_inside_and_touches_two_sides(picture, size):
    top, left, height, width = pad_box(picture, size)
    assert min(top, left) >= 0
    assert min(height, width) >= 1
    assert height == size[0] or width == size[1]
    assert abs(size[0] - height - 2 * top) <= 1
    assert abs(size[1] - width - 2 * left) <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_cropping_keeps_the_middle(read, tmp_path, turned):
    image = np.zeros((60, 180, 3), np.uint8)
    image[:, 60:120] = 255
    path = saved(tmp_path / "a.png", np.rot90(image) if turned else image)
    (shown,) = read([path], size=(30, 30), fit="crop").images
    assert shown[1:-1, 1:-1].min() >= 250
    assert shown.min() >= 230  # the filter looks beyond the cut


def test_stretching_shows_everything(read, tmp_path):
    (shown,) = read([saved(tmp_path / "a.png", quarters())], size=(40, 40)).images
    np.testing.assert_allclose(middles(shown), middles(quarters()), atol=2)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_fine_stripes_become_grey_not_moire(read, tmp_path, suffix):
    stripes = np.tile(np.array([[0, 255]], np.uint8), (640, 320))
    (shown,) = read([saved(tmp_path / f"a.{suffix}", stripes)], size=(32, 32), channels=1).images
    np.testing.assert_allclose(shown[4:-4, 4:-4], 127.5, atol=6)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1), (2000, 1500)])
def test_large_jpegs_match_whole_decoding(read, tmp_path, size, fit):
    """Large JPEGs are decoded at a fraction of their size."""
    gradient = np.linspace(20, 230, size[0] * size[1]).reshape(size).astype(np.uint8)
    files = [saved(tmp_path / "a.jpg", gradient, quality=95), saved(tmp_path / "a.png", gradient)]
    fast, whole = read(files, size=(40, 30), channels=1, fit=fit).images.astype(int)
    np.testing.assert_allclose(fast, whole, atol=4)


@pytest.mark.parametrize("orientation", [1, 6])
def test_no_detail_is_lost_by_decoding_jpegs_at_a_fraction(read, tmp_path, orientation):
    random = np.random.default_rng(2).integers(0, 256, (50, 150), np.uint8)
    detailed = np.kron(random, np.ones((4, 4), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    files = [
        saved(tmp_path / f"a.{suffix}", detailed, exif=exif, **options)
        for suffix, options in (("jpg", {"quality": 100}), ("png", {}))
    ]
    size = (50, 150) if orientation == 1 else (150, 50)
    fast, whole = read(files, size=size, channels=1).images.astype(int)
    assert whole.std() > 50
    np.testing.assert_allclose(fast, whole, atol=12)


def test_one_channel_is_the_brightness(read, tmp_path):
    path = saved(tmp_path / "a.png", quarters())
    (shown,) = read([path], channels=1).images
    wanted = middles(np.asarray(Image.fromarray(quarters()).convert("L"))[..., None])
    np.testing.assert_allclose(middles(shown), wanted, atol=2)


def test_only_the_first_frame_counts_and_a_note_says_so(read, tmp_path):
    first, second = Image.fromarray(quarters()), Image.new("RGB", (96, 64))
    files = [
        saved(tmp_path / f"a.{suffix}", first, save_all=True, append_images=[second], **options)
        for suffix, options in (("gif", {"loop": 0}), ("webp", {"lossless": True}), ("tiff", {}), ("png", {}))
    ]
    decoded = read(files)
    for shown in decoded.images:
        np.testing.assert_allclose(middles(shown), middles(quarters()), atol=8)
    assert decoded.notes == ("4 files hold several frames or pages: the first is taken",)


def test_problems_are_told_and_the_others_are_read(read, tmp_path):
    good = saved(tmp_path / "good.png", quarters())
    contents = {
        "empty": b"",
        "truncated": good.read_bytes()[:150],
        "not a picture": b"hello, world",
        "git lfs pull": b"version https://git-lfs.github.com/spec/v1\n",
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(99),
        "web page": b"<!DOCTYPE html><html></html>",
    }
    files = [good]
    for number, content in enumerate(contents.values()):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(content)
    files += [good, tmp_path / "absent.png", tmp_path]
    decoded = read(files)
    assert decoded.good.tolist() == [0, 7]
    assert decoded.images.shape[0] == 2
    assert [number for number, _ in decoded.problems] == [1, 2, 3, 4, 5, 6, 8, 9]
    words = [*contents, "No such file", "not a regular file"]
    for (_, reason), word in zip(decoded.problems, words, strict=True):
        assert word in reason
        assert str(tmp_path) not in reason
    assert decoded.sha256[0] == decoded.sha256[1]
    assert [number for number, _ in inspect(files).problems] == [1, 3, 4, 5, 6, 8, 9]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_files_are_problems(read, tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    decoded = read([path])
    assert len(decoded.images) == 0
    ((_, reason),) = decoded.problems
    assert reason.startswith(("truncated", "damaged"))


@pytest.mark.parametrize("channels", [1, 3])
def test_truncated_16_bit_files_are_problems(read, tmp_path, channels):
    noise = np.random.default_rng(1).integers(0, 65535, (64, 64, channels), np.uint16)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[:-2000])
    ((_, reason),) = read([path]).problems
    assert reason.startswith("truncated")


def test_without_files_there_are_no_pictures(read):
    assert read([]).images.shape == (0, 32, 48, 3)
    assert inspect([]).sizes.shape == (0, 2)


@pytest.mark.parametrize(
    "modes, grey", [(("L", "1", "LA", "I;16"), True), (("L", "RGB grey"), True), (("RGB grey", "RGB"), False)]
)
def test_grey_pictures_are_recognised(tmp_path, modes, grey):
    files = []
    for number, mode in enumerate(modes):
        picture = Image.fromarray(quarters() if mode == "RGB" else quarters()[..., 1])
        picture = deep_picture() if mode == "I;16" else picture.convert(mode.split()[0])
        files.append(saved(tmp_path / f"{number}.png", picture))
    inspected = inspect(files)
    assert inspected.grey is grey
    assert inspected.modes == tuple(mode.split()[0] for mode in modes)


def deep_picture() -> Image.Image:
    return Image.fromarray(np.full((64, 96), 1000, np.uint16))


def test_grey_palettes_and_grey_jpegs_are_grey_and_colours_that_nobody_sees_do_not_count(tmp_path):
    hidden = np.full((64, 96, 4), 90, np.uint8)
    hidden[:9] = (255, 0, 0, 0)
    grey = Image.fromarray(quarters()[..., 1])
    files = [
        saved(tmp_path / "a.png", hidden),
        saved(tmp_path / "b.jpg", grey.convert("RGB")),
        saved(tmp_path / "c.gif", grey),
    ]
    assert inspect(files).grey
    assert not inspect([*files, saved(tmp_path / "d.png", Image.fromarray(quarters()).convert("P"))]).grey


@pytest.fixture
def counted(monkeypatch):
    """Count what is decoded."""
    count = []
    decode = pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda path, form: (count.append(path), decode(path, form))[1])
    return count


def equal(one, other) -> bool:
    return (
        np.array_equal(one.images, other.images)
        and np.array_equal(one.good, other.good)
        and (one.problems, one.notes, one.sha256) == (other.problems, other.notes, other.sha256)
    )


@pytest.fixture
def files(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/bad.png").write_bytes(b"")
    return [
        deep(tmp_path / "pictures/a", 3000),
        tmp_path / "pictures/bad.png",
        saved(tmp_path / "pictures/c.jpg", quarters()),
    ]


def test_a_second_start_does_not_open_the_files(read, files, counted, monkeypatch):
    first = read(files)
    inspected = inspect(files, files[0].parent.parent / "cache")
    for module, name in ((decoding, "read_header"), (pictures, "content_sha256")):
        monkeypatch.setattr(module, name, None)
    monkeypatch.setattr(pictures, "read_header", None)
    assert equal(read(files), first)
    assert len(counted) == 3
    again = inspect(files, files[0].parent.parent / "cache")
    assert again.sizes.tolist() == inspected.sizes.tolist() == [[64, 96], [0, 0], [64, 96]]
    assert (again.modes, again.grey, again.problems) == (inspected.modes, inspected.grey, inspected.problems)


def test_moved_files_are_not_decoded_again(read, files, counted):
    first = read(files)
    folder = files[0].parent.rename(files[0].parent.with_name("elsewhere"))
    assert equal(read([folder / path.name for path in files]), first)
    assert len(counted) == 3


def test_a_changed_file_is_read_again_even_with_its_old_time_and_size(read, files):
    first = read(files)
    found, content = files[2].stat(), bytearray(files[2].read_bytes())
    at = content.rindex(b"\xff\xda") + 20
    content[at] ^= 1
    files[2].write_bytes(content)
    os.utime(files[2], ns=(found.st_atime_ns, found.st_mtime_ns))
    assert files[2].stat().st_size == found.st_size
    assert read(files).sha256 != first.sha256


@pytest.mark.parametrize(
    "change", [{"size": (32, 32)}, {"channels": 1}, {"fit": "pad"}, {"background": RED, "fit": "pad"}]
)
def test_other_settings_have_other_entries(read, files, change):
    read(files, size=(48, 48))
    changed = read(files, **change)
    assert changed.images.shape[1:] == (*change.get("size", (32, 48)), change.get("channels", 3))
    assert not np.array_equal(changed.images, read(files, size=(48, 48)).images)


def test_nothing_is_written_beside_the_pictures(read, files):
    before = sorted(files[0].parent.iterdir())
    read(files)
    assert sorted(files[0].parent.iterdir()) == before


@pytest.mark.parametrize("kind", ["pictures", "index"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "longer"])
def test_a_damaged_entry_is_told_and_replaced(files, tmp_path, kind, damage):
    said = []
    arguments = (files, (32, 48), 3, "stretch", WHITE, tmp_path / "cache", said.append)
    first = read_pictures(*arguments)
    (path,) = (tmp_path / "cache").glob(f"{kind}-*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1 if damage == "flip" else 0
    path.write_bytes({"cut": content[:-7], "empty": b"", "longer": content + b"0"}.get(damage, content))
    assert equal(read_pictures(*arguments), first)
    assert len(said) == 1
    assert str(path) in said[0]
    assert equal(read_pictures(*arguments), first)
    assert len(said) == 1


def test_a_cache_that_cannot_be_written_costs_one_line(files, tmp_path):
    (tmp_path / "cache").write_text("a file")
    said = []
    decoded = read_pictures(files, (32, 48), 3, "stretch", WHITE, tmp_path / "cache", said.append)
    assert decoded.good.tolist() == [0, 2]
    assert len(said) == 1
    assert "cannot write" in said[0]


def test_the_cache_forgets_what_is_old(files, read, tmp_path, monkeypatch):
    monkeypatch.setattr(caching, "MOST_ENTRIES", 3)
    for side in range(28, 34):
        read(files, size=(side, side))
    for kind in ("pictures", "index"):
        assert len(list((tmp_path / "cache").glob(f"{kind}-*"))) == 3


def test_more_pictures_than_memory_are_refused_in_a_line(files, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "available_bytes", lambda: 1000)
    with pytest.raises(UserError, match=r"3 pictures of 32x48 take .* choose a smaller size"):
        read_pictures(files, (32, 48), 3, "stretch", WHITE, tmp_path / "cache")


def test_files_of_the_same_content_are_grouped():
    assert same_content([b"a", b"b", b"a", b"c", b"b", b"a"]) == ((0, 2, 5), (1, 4))
    assert same_content([b"a", b"b"]) == ()


def photographs(count: int) -> np.ndarray:
    """Smooth coloured pictures, uint8 (count, 64, 64, 3)."""
    random = np.random.default_rng(0)
    coarse = random.integers(20, 200, (count, 6, 6, 1)) + random.integers(0, 40, (count, 6, 6, 3))
    coarse = coarse.astype(np.uint8)
    return np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_CUBIC) for image in coarse])


def compressed(image: np.ndarray, side: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).resize((side, side)).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file).resize((64, 64)))


@pytest.mark.parametrize("side", [48, 64, 100])
def test_pictures_compressed_or_resized_again_are_near_duplicates(side):
    originals = photographs(40)
    images = np.concatenate([originals, [compressed(image, side) for image in originals[:7]]])
    found = near_duplicates(images, np.arange(40), np.arange(40, 47))
    assert found.tolist() == [[n, 40 + n] for n in range(7)]
    assert near_duplicates(images, np.arange(20, 40), np.arange(20)).shape == (0, 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_other_brightness_colours_and_details_are_no_duplicates(channels):
    base = photographs(1)[0, ..., :channels] // 2 + 40
    detail = base.copy()
    detail[20:28, 20:28] += 60
    others = [base + 25, detail, 255 - base] + ([base[..., ::-1]] if channels == 3 else [])
    images = np.stack([base, *others])
    assert near_duplicates(images, np.arange(1), np.arange(1, len(images))).shape == (0, 2)
    assert near_duplicates(images, np.arange(1), np.arange(0)).shape == (0, 2)


def test_reading_is_the_same_however_many_threads(tmp_path, monkeypatch):
    files = [saved(tmp_path / f"{n}.png", image) for n, image in enumerate(photographs(12))]
    results = []
    for cores in (1, 4):
        monkeypatch.setattr("gcn_tf.pipelines.photographs.crops.usable_cores", lambda cores=cores: cores)
        results.append(read_pictures(files, (32, 32), 3, "pad", WHITE, tmp_path / f"cache{cores}"))
    assert equal(*results)


def test_the_common_content_of_padded_pictures():
    from gcn_tf.pipelines.folder.fitting import common_content

    upright = np.array([[60, 40], [600, 400]])
    assert common_content(upright, (48, 48), "pad") == (0, 8, 48, 32)
    assert common_content(upright, (48, 32), "pad") == ()
    assert common_content(upright, (48, 48), "crop") == ()
    assert common_content(np.array([[60, 40], [40, 60]]), (48, 48), "pad") == ()
