"""`gcn-tf transfer` and `gcn_tf.transfer`: picture files and arrays in, pictures in other cells out."""

import shutil

import numpy as np
import pytest
from PIL import Image

import gcn_tf
from gcn_tf.cli import main
from gcn_tf.errors import UserError
from gcn_tf.pipelines.batches import pixels
from gcn_tf.runs.run_dir import open_run


@pytest.fixture(scope="module")
def run(toy_run):
    return gcn_tf.open_run(toy_run)


@pytest.fixture(scope="module")
def picture(run):
    """A green 4, turned by 90 degrees, of one who is no known writer: the strokes of two."""
    split, space = run.opened.load_split(), run.opened.space
    rows = [
        int(np.flatnonzero((split.ids == [4, writer, space["color"].index("green"), 1]).all(axis=1))[0])
        for writer in (0, 2)
    ]
    return pixels(split, np.array(rows)).max(axis=0)


@pytest.fixture
def file(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words)])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.slow
def test_the_command_says_what_a_picture_shows_and_writes_a_grid(toy_run, file, tmp_path, capsys):
    out = tmp_path / "grid.png"
    main(["transfer", str(toy_run), str(file), "--from", "digit=4", "--to", "digit=*", "--out", str(out)])
    said = capsys.readouterr().out
    assert "photo.png shows digit=4 (1.00), writer as it is (of the run's, most like " in said
    assert f"look at: {out}" in said
    assert Image.open(out).size[0] > 4 * 8 * 28


@pytest.mark.slow
def test_a_single_cell_is_the_picture_alone_and_the_one_of_python(toy_run, run, file, picture, tmp_path):
    out = tmp_path / "one.png"
    words = ["--to", "digit=7", "color=red", "--zoom", "1", "--out", str(out)]
    main(["transfer", str(toy_run), str(file), *words])
    made = gcn_tf.transfer(run, picture, {"digit": 7, "color": "red"})
    assert (made.shape, made.dtype) == ((28, 28, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(out)), made)
    np.testing.assert_array_equal(gcn_tf.transfer(toy_run, file, {"digit": 7, "color": "red"}), made)


@pytest.mark.slow
def test_by_default_the_picture_lies_in_the_run(toy_run, file, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(toy_run, run)
    main(["transfer", str(run), str(file), "--to", "digit=1,2"])
    assert (run / "generated" / "photo_digit=1,2.png").exists()


@pytest.mark.slow
def test_shapes_follow_what_is_given(run, picture):
    other = np.roll(picture, 2, axis=1)
    several = gcn_tf.transfer(run, picture, {"digit": "*"})
    assert several.shape == (10, 28, 28, 3)
    both = gcn_tf.transfer(run, [picture, other], {"digit": [3, 7]}, shows={"color": "green"})
    assert both.shape == (2, 2, 28, 28, 3)
    alone = gcn_tf.transfer(run, other, {"digit": [3, 7]}, shows={"color": "green"})
    np.testing.assert_array_equal(both[1], alone)


def test_pictures_of_any_size_are_brought_into_the_form_of_the_run(run, picture):
    large = np.kron(picture, np.ones((4, 4, 1), np.uint8))
    made, expected = (gcn_tf.transfer(run, one, {"digit": 7}, shows={"digit": 4}) for one in (large, picture))
    assert np.abs(made.astype(int) - expected).max() <= 2


def test_a_grey_picture_gets_the_color_that_it_is_said_to_show_or_the_first(run, picture, tmp_path):
    grey = np.repeat(picture[..., 1:2], 3, axis=2)
    shows = {"digit": 4, "rotation": 90}
    for color in ("red", "blue"):
        made = gcn_tf.transfer(run, grey, {"digit": 7}, shows={**shows, "color": color})
        assert made[..., ("red", "green", "blue").index(color)].sum() == made.sum() > 0
    Image.fromarray(grey).save(tmp_path / "grey.png")
    (first,) = run.transfers.pictures([tmp_path / "grey.png"], ["grey.png"])
    np.testing.assert_array_equal(first, grey * np.array([1, 0, 0], np.uint8))


def test_a_known_writer_that_is_named_is_drawn_as_generate_does(run, picture):
    shows = {"digit": 4, "writer": 1, "color": "green", "rotation": 90}
    made = gcn_tf.transfer(run, picture, {"digit": 7}, shows=shows)
    expected = run.generate(digit=7, writer=1, color="green", rotation=90)
    assert np.abs(made.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "nothing to change: say to which cell, such as --to digit=0"),
        (["--to", "digt=3"], "digt"),
        (["--to", "digit=12"], "digit has no value '12'"),
        (["--to", "digit=3", "--from", "writer=9"], "writer has no value '9'"),
        (["--to", "digit=3", "--zoom", "0"], "--zoom 0: give a number from 1 to 64"),
        (["--to", "digit"], "'digit' is not of the form factor=value"),
    ],
)
def test_bad_words_are_named_in_one_line(words, message, toy_run, file, capsys):
    assert message in refused(capsys, "transfer", toy_run, file, *words)


def test_a_picture_that_is_nothing_like_the_runs_is_refused_and_drawn_with_force(
    toy_run, run, tmp_path, capsys
):
    noise = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    said = refused(capsys, "transfer", toy_run, tmp_path / "noise.png", "--to", "digit=3")
    assert "noise.png is nothing like the pictures of the run (distance " in said
    assert "--force" in said
    with pytest.raises(UserError, match="nothing like the pictures of the run"):
        gcn_tf.transfer(run, noise, {"digit": 3})
    assert gcn_tf.transfer(run, noise, {"digit": 3}, force=True).shape == (28, 28, 3)


def test_genuine_pictures_in_any_color_and_turn_are_taken(run):
    split = run.opened.load_split()
    chosen = np.flatnonzero(split.unseen)
    for row in chosen[:: max(1, len(chosen) // 4)]:
        assert gcn_tf.transfer(run, pixels(split, np.array([row]))[0], {"digit": 3}).shape == (28, 28, 3)


def test_bad_pictures_are_named_in_one_line(toy_run, run, tmp_path, capsys):
    assert "name a file, such as photo.png" in refused(capsys, "transfer", toy_run, "--to", "digit=3")
    assert "not a regular file" in refused(capsys, "transfer", toy_run, tmp_path, "--to", "digit=3")
    assert "none.png" in refused(capsys, "transfer", toy_run, tmp_path / "none.png", "--to", "digit=3")
    (tmp_path / "text.png").write_text("no picture")
    assert "text.png cannot be used" in refused(
        capsys, "transfer", toy_run, tmp_path / "text.png", "--to", "digit=3"
    )
    with pytest.raises(UserError, match="images has shape"):
        gcn_tf.transfer(run, np.zeros((3, 4, 5, 6, 7), np.uint8), {"digit": 3})
    with pytest.raises(UserError, match="nothing to change"):
        gcn_tf.transfer(run, np.zeros((28, 28, 3), np.uint8), {})


@pytest.mark.slow
def test_the_run_and_its_pictures_stay_as_they_are(toy_run, file, tmp_path):
    before = {path: path.read_bytes() for path in toy_run.rglob("*") if path.is_file()}
    main(["transfer", str(toy_run), str(file), "--to", "digit=3", "--out", str(tmp_path / "made.png")])
    assert {path: path.read_bytes() for path in toy_run.rglob("*") if path.is_file()} == before
    assert open_run(toy_run).space.sizes["writer"] == 3
