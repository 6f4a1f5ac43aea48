import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from gcn_tf.errors import UserError
from gcn_tf.model.build import build_model
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.split import split_dataset
from gcn_tf.runs.checkpoints import BEST, NOTE, CheckpointStore, OtherNetworks


@pytest.fixture(scope="module")
def model(toy_config):
    split = split_dataset(load_dataset(toy_config), toy_config.holdout, 0)
    return build_model(toy_config, split.dataset.space, split.dataset.image_shape)


@pytest.fixture
def store(model, tmp_path):
    return CheckpointStore(model, tmp_path)


def fill(store, value):
    for variable in store.variables:
        variable.assign(np.full(variable.shape, value))


def value(store):
    found = {float(np.ravel(v.numpy())[0]) for v in store.variables}
    assert len(found) == 1
    return found.pop()


def saved(store, *steps):
    for step in steps:
        fill(store, step)
        store.save(step)
    fill(store, 0)


def test_everything_that_changes_in_training_comes_back(store, model):
    kept = {v.path for v in store.variables}
    for network in (model.generator, model.classifier, model.optimizer, model.classifier_optimizer):
        assert {v.path for v in network.variables} <= kept
    assert any("seed_generator" in path for path in kept)
    rng = np.random.default_rng(0)
    values = [rng.normal(0, 9, v.shape).astype(v.dtype) for v in store.variables]
    for variable, array in zip(store.variables, values, strict=True):
        variable.assign(array)
    store.save(7)
    fill(store, 0)
    assert store.restore().name == "step-00000007.npz"
    for variable, array in zip(store.variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), array)


def test_the_newest_few_and_the_best_are_kept_and_take_no_more_than_is_said(store):
    for step, score in ((10, 0.3), (20, 0.9), (30, 0.5), (40, 0.9), (50, 0.1)):
        fill(store, step)
        store.save(step)
        store.save_best(step, score)
    names = sorted(path.name for path in store.folder.iterdir())
    assert names == ["best.npz", *(f"step-000000{n}.npz" for n in (30, 40, 50))]
    assert sum(path.stat().st_size for path in store.folder.iterdir()) < store.largest_size
    store.restore()
    assert value(store) == 50
    store.restore(BEST)
    assert value(store) == 20


DAMAGE = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-30],
    "without its beginning": lambda data: data[400:],
    "noise": lambda data: np.random.default_rng(0).bytes(len(data)),
    "a flipped bit": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]
    ),
    "text": lambda data: b"no checkpoint at all",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_newest_one_is_passed_over_for_the_one_before_in_one_line(kind, store, capsys):
    saved(store, 10, 20)
    newest = store.latest
    newest.write_bytes(DAMAGE[kind](newest.read_bytes()))
    assert store.restore().name == "step-00000010.npz"
    assert value(store) == 10
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{newest} is damaged" in said


def test_a_folder_in_its_place_and_a_link_to_itself_are_damage_too(store, capsys):
    saved(store, 10)
    (store.folder / "step-00000030.npz").mkdir()
    os.symlink("step-00000040.npz", store.folder / "step-00000040.npz")
    assert store.restore().name == "step-00000010.npz"
    assert "step-00000030.npz is damaged" in capsys.readouterr().err


def test_when_all_are_damaged_it_is_said(store):
    saved(store, 10, 20)
    for path in store.paths():
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"every checkpoint of .* is damaged"):
        store.restore()


def test_any_flipped_bit_is_noticed_or_changes_nothing(store):
    """Dates in the archive may change; what training goes on from may not."""
    saved(store, 10)
    path = store.latest
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    noticed = 0
    for place in rng.integers(0, len(data), 120):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << rng.integers(8))]) + data[place + 1 :])
        fill(store, 0)
        try:
            store.restore()
        except UserError:
            noticed += 1
            assert value(store) == 0
        else:
            assert value(store) == 10
    assert noticed > 60


def rewritten(path, change):
    """The archive with `change(name, bytes)` applied to its members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


def test_a_changed_number_is_noticed_though_the_archive_is_whole(store):
    saved(store, 10)
    rewritten(store.latest, lambda name, data: data[:-1] + b"\x01" if name == "0003.npy" else data)
    with pytest.raises(UserError, match="is damaged"):
        store.restore()


class Bomb:
    """Unpickling this would make a file."""

    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_no_code_runs_when_a_hostile_checkpoint_is_read(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(store, 10)

    def pickled(name, data):
        if name != "0000.npy":
            return data
        made = io.BytesIO()
        header = {"descr": "|O", "fortran_order": False, "shape": tuple(store.variables[0].shape)}
        np.lib.format.write_array_header_1_0(made, header)
        return made.getvalue() + pickle.dumps(Bomb())

    rewritten(store.latest, pickled)
    with pytest.raises(UserError):
        store.restore()
    assert not (tmp_path / "exploded").exists()


def test_a_header_that_announces_a_huge_array_takes_no_memory(store):
    saved(store, 10)

    def huge(name, data):
        if name != "0000.npy":
            return data
        made = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            made, {"descr": "<f4", "fortran_order": False, "shape": (10**13,)}
        )
        return made.getvalue()

    rewritten(store.latest, huge)
    with pytest.raises(OtherNetworks, match=r"float32 \(10000000000000,\)"):
        store.restore()


def test_a_note_that_is_far_too_long_is_not_read(store):
    saved(store, 10)
    rewritten(store.latest, lambda name, data: b" " * 2**21 if name == NOTE else data)
    with pytest.raises(UserError, match="is damaged"):
        store.restore()


def test_a_checkpoint_of_other_networks_is_no_damage(store):
    saved(store, 10)
    with zipfile.ZipFile(store.latest, "a") as archive:
        archive.writestr("9999.npy", b"one more")
    with pytest.raises(OtherNetworks, match="does not fit this run's networks"):
        store.restore()


@pytest.mark.parametrize("moment", ["write", "move"])
def test_a_kill_during_a_write_leaves_the_one_before(moment, store, monkeypatch):
    saved(store, 10)
    fill(store, 20)

    class Killed(BaseException):
        pass

    def killed(*arguments, **settings):
        raise Killed

    place = {"write": "numpy.lib.format.write_array", "move": "pathlib.Path.replace"}[moment]
    with monkeypatch.context() as patch:
        patch.setattr(place, killed)
        patch.setattr("pathlib.Path.unlink", lambda *a, **k: None)  # a kill tidies nothing up
        with pytest.raises(Killed):
            store.save(20)
    left = [path for path in store.folder.iterdir() if path.name.startswith("partial-")]
    assert len(left) == 1
    assert store.restore().name == "step-00000010.npz"
    fill(store, 20)
    store.save(20)
    assert not left[0].exists()


def test_a_vanished_folder_is_named_and_not_made_again(store):
    store.folder.rmdir()
    with pytest.raises(UserError, match="has vanished"):
        store.save(10)
    assert not store.folder.exists()


@pytest.mark.parametrize("note", ["[]", '{"score": "high"}', "{", '{"score": null}'])
def test_a_best_one_with_a_strange_note_is_replaced(note, store):
    fill(store, 10)
    store.save_best(10, 0.5)
    rewritten(store.folder / BEST, lambda name, data: note.encode() if name == NOTE else data)
    assert store.save_best(20, 0.1)
    with zipfile.ZipFile(store.folder / BEST) as archive:
        assert json.loads(archive.read(NOTE))["step"] == 20
