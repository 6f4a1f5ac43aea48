"""Files of one run in another: whichever of them were exchanged, it is noticed."""

import shutil

import numpy as np
import pytest
from attacks import check

MIXTURES = 200


def parts(run):
    """The files of a run, but for TensorBoard's, which nothing here reads."""
    return sorted(
        str(path.relative_to(run))
        for path in run.rglob("*")
        if path.is_file() and "events.out" not in path.name
    )


@pytest.fixture(scope="module")
def runs(zygote, start):
    """Two finished runs that differ in their seeds, and so in weights, data and hold-out."""
    check(zygote("train --preset toy --seed 1 --data-seed 1 --run-dir other", start))
    return start / "run", start / "other"


def mixed(runs, names, folder):
    """The first run with some files of the second."""
    shutil.copytree(runs[0], folder)
    for name in names:
        shutil.copy(runs[1] / name, folder / name)
    return folder


def differing(runs):
    return [name for name in parts(runs[0]) if (runs[0] / name).read_bytes() != (runs[1] / name).read_bytes()]


@pytest.mark.long
def test_every_file_of_another_run_is_noticed(runs, zygote, tmp_path):
    assert parts(runs[0]) == parts(runs[1])
    names = differing(runs)
    assert len(names) > 15
    for number, name in enumerate(names):
        mixed(runs, [name], tmp_path / str(number))
        answer = zygote(f"evaluate {number} --verify", tmp_path)
        assert answer.codes == [2], (name, answer.said)
        assert "Traceback" not in answer.said


@pytest.mark.long
def test_any_number_of_files_of_another_run_is_noticed(runs, zygote, tmp_path):
    names, rng = differing(runs), np.random.default_rng(0)
    for number in range(MIXTURES):
        chosen = rng.permutation(names)[: rng.integers(1, len(names))]
        mixed(runs, chosen, tmp_path / str(number))
        answer = zygote(f"evaluate {number} --verify", tmp_path)
        assert answer.codes == [2], (sorted(chosen), answer.said)
        shutil.rmtree(tmp_path / str(number))


@pytest.mark.long
@pytest.mark.parametrize("words", ["generate", "export", "augment tfds", "evaluate", "resume"])
@pytest.mark.parametrize(
    "name",
    ["config.yaml", "checkpoints/step-00000004.npz", "checkpoints/step-00000002.npz", "checkpoints/best.npz"],
)
def test_no_command_works_with_a_mixture_of_two_runs(name, words, runs, zygote, tmp_path):
    from attacks import WORDS

    mixed(runs, [name], tmp_path / "run")
    answer = zygote({**WORDS, "resume": "train --resume run --steps 8"}[words], tmp_path)
    assert answer.codes == [2], answer.said
    assert "are of different runs" in answer.said
