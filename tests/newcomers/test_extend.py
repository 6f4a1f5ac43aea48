"""A run with newcomers, from pictures to the SavedModel: the old one stays as it is, the new one is like any other."""

import contextlib
import csv
import dataclasses
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import gcn_tf
import gcn_tf.model.references.registration
from gcn_tf.api.training import train_run
from gcn_tf.cli import main
from gcn_tf.config.files import NEWCOMERS, OWN_PICTURES
from gcn_tf.errors import UserError
from gcn_tf.grid.factors import FactorSpace
from gcn_tf.newcomers.extend import extend, words_of_newcomers
from gcn_tf.newcomers.pictures import Where
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.procedural.glyphs import draw_glyphs
from gcn_tf.runs.run_dir import open_run, read_run_config
from gcn_tf.synthesis.draw import generate, generate_from_codes

GIVEN = (3, 4, 7)  # digits that anna writes
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def few_steps():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.model.newcomer_codes.STEPS", 10)
        patch.setattr(
            "gcn_tf.model.references.registration.STAGES",
            (gcn_tf.model.references.registration.Stage(14, 4, 2, 0.1),),
        )
        patch.setattr("gcn_tf.model.references.learn.POSE_SHARES", ((1.0, 0.0),))
        patch.setattr("gcn_tf.model.references.light.LIGHT_SIDES", (0, 8))
        yield


@contextlib.contextmanager
def no_saved_model():
    """What is written last takes most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ("gcn_tf.api.training", "gcn_tf.newcomers.extend"):
            patch.setattr(f"{place}.export_model", lambda run, folder: None)
        yield


@pytest.fixture
def without_saved_model():
    with no_saved_model():
        yield


def handwriting(seed, count):
    """Digits of writers that no run knows, no two alike: uint8 (count, 28, 28)."""
    return draw_glyphs(count // 10 + 1, seed=100 + seed).reshape(-1, 28, 28)[:count]


def scribbles(count):
    """What no writer writes: uint8 (count, 28, 28)."""
    small = np.random.default_rng(0).integers(0, 2, (count, 7, 7), np.uint8) * 255
    return np.kron(small, np.ones((4, 4), np.uint8))


def write_folder(folder, images, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def anna(built_once):
    """Three digits of a new writer, named by what they show."""
    return built_once(
        "anna", lambda folder: write_folder(folder, handwriting(0, 3), [f"{digit}.png" for digit in GIVEN])
    )


@pytest.fixture(scope="session")
def old(toy_run):
    return open_run(toy_run)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def extended(toy_run, anna, tmp_path_factory):
    """The toy run with anna, and nothing changed in the toy run: read it, do not write to it."""
    before = contents(toy_run)
    folder = tmp_path_factory.mktemp("extended") / "toy+anna"
    extend(toy_run, ["writer=anna"], [anna], folder, Where(pattern="{digit}.png"))
    assert contents(toy_run) == before
    return folder


@pytest.fixture(scope="module")
def new(extended):
    return open_run(extended)


@pytest.fixture(scope="module")
def people():
    """Pictures of four persons with five gestures, uint8 (20, 28, 28, 1), and their labels."""
    y, x = np.indices((28, 28))
    images, labels = [], {"person": [], "gesture": []}
    for p, person in enumerate(("ben", "cleo", "dan", "eva")):
        for g in range(5):
            across = (x - 9 - 2 * p) * np.cos(0.6 * g) + (y - 11 - p) * np.sin(0.6 * g)
            images.append(255 * np.exp(-(across**2) / 8) * (np.hypot(x - 9 - 2 * p, y - 11 - p) < 8))
            labels["person"].append(person)
            labels["gesture"].append(f"g{g}")
    return np.stack(images).astype(np.uint8)[..., None], labels


ARRAYS = {
    "preset": "folder",
    "steps": 2,
    "batch_size": 8,
    "checkpoint_steps": 2,
    "precision": "float32",
    "deterministic": "always",
    "holdout": "person=ben gesture=g4",
    "classifier": {"convolutions": [{"filters": 4, "kernel": 3, "pool": 4}], "head_units": [8]},
    "report": False,
}


@pytest.fixture(scope="module")
def drawn_from_people(people, tmp_path_factory):
    """A run of kind references that was trained on arrays, which it keeps: do not write to it."""
    folder = tmp_path_factory.mktemp("references") / "people"
    kind = {"kind": "references", "filters": [4, 6]}
    with no_saved_model():
        return gcn_tf.train(gcn_tf.dataset_from_arrays(*people), folder, generator=kind, **ARRAYS).folder


@pytest.fixture(scope="module")
def fred(tmp_path_factory, people):
    """Gestures 0 and 2 of a new person."""
    images = np.roll(people[0][[5, 7], ..., 0], 3, axis=1)
    return write_folder(tmp_path_factory.mktemp("people") / "fred", images, ["g0.png", "g2.png"])


@pytest.fixture(scope="module")
def with_fred(drawn_from_people, fred, tmp_path_factory):
    """That run with fred, and nothing changed in the run before: read it, do not write to it."""
    before = contents(drawn_from_people)
    folder = tmp_path_factory.mktemp("extended") / "people+fred"
    with no_saved_model():
        extend(drawn_from_people, ["person=fred"], [fred], folder, Where(pattern="{gesture}.png"))
    assert contents(drawn_from_people) == before
    return folder


def codes_of_old_cells(before, after):
    """The same cells, and blends of the old values, for both runs."""
    ids = before.space.cells()
    ids = ids[RNG.permutation(len(ids))[:64]]
    codes = before.space.one_hot(ids)
    blended = {
        name: np.float32(RNG.dirichlet(np.full(size, 0.3), 64)) for name, size in before.space.sizes.items()
    }
    codes = {name: np.concatenate([code, blended[name]]) for name, code in codes.items()}
    wider = {
        name: np.pad(code, ((0, 0), (0, len(after.space[name]) - code.shape[1])))
        for name, code in codes.items()
    }
    return codes, wider


@pytest.mark.slow
@pytest.mark.parametrize(
    "runs",
    [("toy_run", "extended"), pytest.param(("drawn_from_people", "with_fred"), marks=pytest.mark.slow)],
)
def test_pictures_of_old_cells_and_blends_of_old_values_are_the_same_bits(runs, request):
    before, after = (open_run(request.getfixturevalue(name)) for name in runs)
    codes, wider = codes_of_old_cells(before, after)
    one, other = (generate_from_codes(run.model, code) for run, code in ((before, codes), (after, wider)))
    assert len(np.unique(one.reshape(len(one), -1), axis=0)) > 64
    np.testing.assert_array_equal(other, one)
    floats = [
        np.asarray(run.model.generator({name: tf.constant(rows) for name, rows in code.items()}))
        for run, code in ((before, codes), (after, wider))
    ]
    np.testing.assert_array_equal(floats[1][:64], floats[0][:64])
    # A blend's product with one more row of zeros may be summed in another order, which depends on the processor.
    np.testing.assert_allclose(floats[1][64:], floats[0][64:], rtol=0, atol=1e-6)


def test_newcomers_are_seen_and_what_was_unseen_still_is(old, new):
    before, after = old.load_split(), new.load_split()
    count = len(before.ids)
    np.testing.assert_array_equal(after.ids[:count], before.ids)
    np.testing.assert_array_equal(after.unseen[:count], before.unseen)
    np.testing.assert_array_equal(pixels(after, np.arange(50)), pixels(before, np.arange(50)))
    assert before.unseen.any()
    assert not after.unseen[count:].any()
    assert len(after.ids) == count + 3 * 12  # in three colors and four rotations
    assert {after.dataset.space.describe(cell).split(" color")[0] for cell in after.ids[count:]} == {
        f"digit={digit} writer=anna" for digit in GIVEN
    }
    np.testing.assert_array_equal(after.dataset.images[-3:, ..., 0], handwriting(0, 3))


def test_the_new_value_can_be_generated_and_blended(new):
    assert new.space["writer"].values == ("0", "1", "2", "anna")
    words = ["digit=0,3,9", "writer=anna,1,1:0.5+anna:0.5", "color=red", "rotation=0"]
    codes = new.space.codes(new.space.select(words))
    floats = np.asarray(new.model.generator({name: tf.constant(code) for name, code in codes.items()}))
    anna, known, between = np.moveaxis(floats.reshape(3, 3, -1), 1, 0)
    apart = np.abs(anna - known).max(axis=-1)
    assert (apart > 1e-3).all()
    for end in (anna, known):
        assert (np.abs(between - end).max(axis=-1) > 0.1 * apart).all()
        assert (np.abs(between - end).max(axis=-1) < apart).all()


@pytest.mark.usefixtures("without_saved_model")
@pytest.mark.slow
def test_training_goes_on_with_the_newcomers(extended, new, tmp_path):
    folder = Path(shutil.copytree(extended, tmp_path / "run"))
    config = dataclasses.replace(read_run_config(folder), steps=26)
    train_run(config, folder, lambda line: None, resumed=True, report=False)
    run = open_run(folder)
    assert int(run.model.step) == 26
    assert run.space == new.space
    kernels = [r.model.generator.get_layer("writer_tower_1").kernel.numpy() for r in (run, new)]
    assert (np.abs(kernels[0] - kernels[1]).max(axis=1) > 0).all()  # every writer's, anna's among them
    assert not run.load_split().unseen[-36:].any()


@pytest.mark.long
@pytest.mark.usefixtures("toy_judges")
def test_an_extended_run_is_trained_further_evaluated_and_verified(extended, tmp_path, capsys):
    folder = Path(shutil.copytree(extended, tmp_path / "run"))
    main(["train", "--resume", str(folder), "--steps", "26"])
    run = open_run(folder)
    assert int(run.model.step) == 26
    assert run.space["writer"].values[-1] == "anna"
    capsys.readouterr()
    main(["evaluate", str(folder), "--verify"])
    said = capsys.readouterr().out
    for part in ("step-00000024.npz", "step-00000026.npz", "model/", "report/"):
        assert re.search(rf"{part}: whole, of step 2\d", said)
    assert "pictures: those of the training" in said


def test_the_saved_model_has_the_newcomer(extended, new):
    ids = np.array([[0, 3, 0, 0], [3, 3, 1, 2], [5, 1, 2, 1]], np.int32)
    model = tf.saved_model.load(str(extended / "model"))
    made = model.signatures["serving_default"](
        **{name: tf.constant(ids[:, m]) for m, name in enumerate(new.space.names)}
    )["image"]
    np.testing.assert_array_equal(made, generate_from_codes(new.model, new.space.one_hot(ids)))


@pytest.mark.usefixtures("without_saved_model")
@pytest.mark.long
def test_one_newcomer_after_the_other_and_the_first_run_is_not_needed(extended, new, tmp_path):
    first = Path(shutil.copytree(extended, tmp_path / "first"))
    ben = write_folder(tmp_path / "ben", handwriting(1, 2), ["5.png", "6.png"])
    second = extend(first, ["writer=ben"], [ben], None, Where(pattern="{digit}.png")).folder
    assert second == tmp_path / "first+ben"
    shutil.rmtree(first)
    shutil.rmtree(ben)
    moved = second.rename(tmp_path / "elsewhere")
    run = open_run(moved)
    split = run.load_split()
    assert run.space["writer"].values == ("0", "1", "2", "anna", "ben")
    pictures = np.concatenate([handwriting(0, 3), handwriting(1, 2)])
    np.testing.assert_array_equal(split.dataset.images[-5:, ..., 0], pictures)
    codes, wider = codes_of_old_cells(new, run)
    np.testing.assert_array_equal(
        generate_from_codes(run.model, wider), generate_from_codes(new.model, codes)
    )


def test_a_run_that_was_moved_finds_its_newcomers(extended, new, tmp_path):
    moved = Path(shutil.copytree(extended, tmp_path / "elsewhere"))
    assert "newcomers: newcomers\n" in (moved / "config.yaml").read_text()
    run = open_run(moved)
    assert Path(run.config.newcomers) == moved / NEWCOMERS
    assert run.load_split().ids.tolist() == new.load_split().ids.tolist()


@pytest.mark.parametrize("harm", ["missing", "changed", "relabelled", "unreadable"])
def test_newcomers_that_are_not_those_of_the_run_are_refused(harm, extended, tmp_path):
    folder = Path(shutil.copytree(extended, tmp_path / "run"))
    picture, table = folder / NEWCOMERS / "1.png", folder / NEWCOMERS / "labels.csv"
    if harm == "missing":
        shutil.rmtree(folder / NEWCOMERS)
    elif harm == "changed":
        Image.fromarray(handwriting(5, 1)[0]).save(picture)
    elif harm == "relabelled":
        table.write_text(table.read_text().replace("7", "8"))
    else:
        picture.write_bytes(b"no picture")
    said = {"missing": "newcomers is missing", "unreadable": "newcomers is damaged"}
    run = open_run(folder)  # without its pictures, it can still generate
    with pytest.raises(UserError, match=said.get(harm, "of different runs")) as error:
        run.load_split()
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_seen_cell_of_a_newcomer_is_its_own_picture_in_kind_references(with_fred, fred):
    run = open_run(with_fred)
    made = generate(run, run.space.select(["person=fred", "gesture=g0,g2"]))
    for picture, name in zip(made, ("g0.png", "g2.png"), strict=True):
        np.testing.assert_array_equal(picture[..., 0], np.asarray(Image.open(fred / name)))
    others = generate(run, run.space.select(["person=fred", "gesture=g1,g3,g4"]))
    assert (others.max(axis=(1, 2, 3)) > 60).all()  # something is drawn
    assert run.config.generator.references == 21


@pytest.mark.long
def test_a_run_that_was_trained_from_arrays_takes_them_along(with_fred, people, tmp_path):
    moved = Path(shutil.copytree(with_fred, tmp_path / "elsewhere"))
    run = open_run(moved)
    assert Path(run.config.manual_dir) == moved / OWN_PICTURES
    assert (moved / OWN_PICTURES / "labels.csv").exists()
    split = run.load_split()
    np.testing.assert_array_equal(split.dataset.images[:20], people[0])
    assert split.unseen.sum() == 1
    assert run.space["person"].values == ("ben", "cleo", "dan", "eva", "fred")


@pytest.mark.usefixtures("without_saved_model")
@pytest.mark.long
def test_two_newcomers_to_two_factors_by_a_table(drawn_from_people, people, tmp_path):
    images = people[0][[3, 8, 13, 14], ..., 0][:, ::-1].copy()
    folder = write_folder(tmp_path / "new", images, ["a.png", "b.png", "c.png", "d.png"])
    rows = [
        ["file_name", "gesture", "person"],
        *(["a.png", "g0", "gus"], ["b.png", "wave", "gus"], ["c.png", "wave", "ben"], ["d.png", "g1", "hal"]),
    ]
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    run = extend(drawn_from_people, ["person=gus,hal", "gesture=wave"], [folder], tmp_path / "run")
    assert run.space["person"].values[4:] == ("gus", "hal")
    assert run.space["gesture"].values[5:] == ("wave",)
    made = generate(run, [{"gesture": gesture, "person": person} for _, gesture, person in rows[1:]])
    np.testing.assert_array_equal(made[..., 0], images)
    before = open_run(drawn_from_people)
    codes, wider = codes_of_old_cells(before, run)
    np.testing.assert_array_equal(
        generate_from_codes(run.model, wider), generate_from_codes(before.model, codes)
    )
    assert words_of_newcomers(before.space, run) == ["person=gus,hal", "gesture=wave"]


@pytest.mark.slow
def test_more_pictures_than_a_generator_keeps_are_refused(drawn_from_people, fred, tmp_path, monkeypatch):
    monkeypatch.setattr("gcn_tf.model.references.generator.MOST_REFERENCES", 20)
    with pytest.raises(UserError, match="19 pictures and 2 of newcomers are more than the 20"):
        extend(drawn_from_people, ["person=fred"], [fred], tmp_path / "run", Where(pattern="{gesture}.png"))
    assert not (tmp_path / "run").exists()


@pytest.fixture
def toy(toy_run, tmp_path, monkeypatch):
    """A copy of the toy run in the test's folder, where commands are given."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(toy_run, tmp_path / "toy")).relative_to(tmp_path)


@pytest.mark.slow
def test_the_command_names_the_run_by_its_newcomers_and_draws_them(toy, anna, capsys):
    picture = anna / "3.png"
    main(["extend", "toy", "writer=anna", "digit=3", "--pictures", str(picture)])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "run: toy+anna"
    drawn = Path(said[1].removeprefix("look at: "))
    assert drawn.is_relative_to("toy+anna")
    assert drawn.exists()
    space = FactorSpace.read(Path("toy+anna/factors.json"))
    assert space["writer"].values == ("0", "1", "2", "anna")
    main(["generate", "toy+anna", "digit=*", "writer=anna", "color=red", "rotation=0", "--out", "x.png"])
    assert Path("x.png").exists()


@pytest.mark.usefixtures("without_saved_model")
def test_pictures_nothing_like_those_of_the_run_are_refused_and_taken_by_force(toy, capsys):
    pictures = [handwriting(4, 1)[0], *scribbles(2)]
    write_folder(Path("new"), pictures, ["3.png", "5.png", "7.png"])
    words = ["extend", "toy", "writer=ann", "--pictures", "new", "--pattern", "{digit}.png"]
    before = sorted(Path().rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    line = r"(5|7)\.png \(and 1 more\) is nothing like the pictures of the run \(distance [\d.]+; of its own held-out ones at most [\d.]+\)"
    assert re.fullmatch(rf"gcn-tf: {line}: crop or turn it as they are, or --force\n", error), error
    assert sorted(Path().rglob("*")) == before
    main([*words, "--force"])
    assert re.match(rf"{line}: added all the same\nrun: toy\+ann\n", capsys.readouterr().out)
    np.testing.assert_array_equal(open_run("toy+ann").load_split().dataset.images[-3:, ..., 0], pictures)


@pytest.mark.usefixtures("without_saved_model")
@pytest.mark.long
def test_a_run_that_is_there_already_names_the_command_that_draws_it(toy, anna, capsys):
    words = ["extend", "toy", "writer=anna", "--pictures", str(anna), "--pattern", "{digit}.png"]

    def killed(*arguments):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gcn_tf.synthesis.draw.write_picture", killed)
        with pytest.raises(SystemExit):
            main(words)  # ends between the new run and its picture
    before = contents(Path())
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    found = re.fullmatch(
        r"gcn-tf: toy\+anna has these values already: gcn-tf (.*) draws them; for another run name another --run-dir\n",
        error,
    )
    assert found, error
    assert contents(Path()) == before
    main(shlex.split(found[1]))
    assert (Path("toy+anna") / "generated").is_dir()


@pytest.mark.slow
@pytest.mark.usefixtures("without_saved_model")
def test_pictures_that_a_table_does_not_name_are_pointed_out(toy):
    folder = write_folder(Path("new"), handwriting(3, 3), ["a.png", "b.png", "c.png"])
    (folder / "labels.csv").write_text("file_name,digit\na.png,3\nb.png,5\n")
    said = []
    run = extend(toy, ["writer=anna"], [folder], say=said.append)
    assert said == ["1 of 3 pictures in the folder are not in labels.csv and are left out"]
    assert len(run.load_split().dataset.images) == 32


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("toy writer=1 --pictures PLACE", "writer=1 is no new value"),
        ("toy person=anna --pictures PLACE", "person is no factor of the run"),
        ("toy color=pink --pictures PLACE", "color=pink: the values of color are made"),
        ("toy writer=anna --pictures PLACE", "3.png has no digit: give digit=VALUE for all pictures"),
        ("toy writer=anna --pictures PLACE --levels digit", "--levels"),
        ("toy writer=anna --pictures absent", "--pictures absent is no file and no folder"),
        ("toy writer=anna --pictures toy/checkpoints --pattern {digit}.png", "holds no pictures"),
        ("toy writer=anna --pictures PLACE --labels absent.csv", "absent.csv"),
        ("toy writer=anna", "required"),
        ("absent writer=anna --pictures PLACE", "absent is not a run directory"),
        ("toy writer=anna --pictures PLACE --pattern {digit}.png --run-dir toy", "already holds a run"),
        ("toy writer=anna --pictures PLACE --pattern {digit}.png --run-dir full", "holds files"),
        ("toy writer=anna --pictures PLACE --pattern {digit}.png --run-dir full/x", "is a file"),
    ],
)
def test_the_command_refuses_in_one_line_and_leaves_nothing_behind(words, said, toy, anna, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("something")
    before = contents(tmp_path)
    folders = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main(["extend", *words.replace("PLACE", str(anna)).split()])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("gcn-tf: ")
    assert re.search(re.escape(said), error), error
    assert contents(tmp_path) == before
    assert sorted(path for path in tmp_path.rglob("*")) == folders


def test_a_name_that_would_be_too_long_is_refused(toy, anna):
    words = ["writer=" + ",".join(f"person{number:03}" for number in range(30))]
    with pytest.raises(UserError, match="the name of the new run would be too long: give one, --run-dir"):
        extend(toy, words, [_many(anna, 30)], None)


def _many(anna, count):
    folder = Path("many")
    names = [f"{number}.png" for number in range(count)]
    write_folder(folder, handwriting(2, count), names)
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = [[name, "3", f"person{number:03}"] for number, name in enumerate(names)]
        csv.writer(file).writerows([["file_name", "digit", "writer"], *rows])
    return folder


@pytest.mark.long
@pytest.mark.parametrize("moment", ["write_pictures", "export_model"])
def test_a_kill_leaves_nothing_and_the_same_command_then_works(moment, toy, anna, monkeypatch, capsys):
    words = ["extend", "toy", "writer=anna", "--pictures", str(anna), "--pattern", "{digit}.png"]
    before = sorted(Path().rglob("*"))

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"gcn_tf.newcomers.extend.{moment}", killed)
        with pytest.raises(SystemExit) as stop:
            main(words)
    assert stop.value.code == 130
    assert sorted(Path().rglob("*")) == before
    if moment == "export_model":  # the last of them
        left = Path("partial-gcn-tf-0123abcd-toy+anna")  # of a process that died at once
        left.mkdir()
        (left / "config.yaml").write_text("half")
        with no_saved_model():
            extend(toy, ["writer=anna"], [anna], None, Where(pattern="{digit}.png"))
        assert sorted(path.name for path in Path().iterdir()) == ["toy", "toy+anna"]
        assert open_run("toy+anna").load_split().ids.shape == (360 + 36, 4)
