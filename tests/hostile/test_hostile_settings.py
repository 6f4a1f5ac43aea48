"""Settings in YAML that are damaged, that would fill the memory or run code, or that hold what no setting can."""

from pathlib import Path

import pytest
import yaml
from damage import (
    anything,
    damaged,
    inputs,
    paths_in,
    put_endless_device,
    put_folder,
    put_pipe,
    read_or_refused,
    refused,
    with_replaced,
    write,
)
from hypothesis import strategies as st

from gcn_tf.config.checks import check_config
from gcn_tf.config.files import read_config, read_yaml, resolve, write_config
from gcn_tf.config.kept import differing_settings, keep_settings
from gcn_tf.config.schema import RunConfig, to_dict
from gcn_tf.model.precision import with_precision
from gcn_tf.pipelines.dataset import load_dataset
from gcn_tf.pipelines.photographs.face_settings import choose_persons


def laughs(levels: int) -> str:
    """A list that holds nine times the same list, that nine times another..., all in a line."""
    if not levels:
        return "&a0 [ha, ha]"
    return f"&a{levels} [{laughs(levels - 1)}{f', *a{levels - 1}' * 8}]"


MERGED = "a: &a0 {x: 1}\n" + "".join(
    f"b{n}: &a{n + 1} {{<<: [{', '.join([f'*a{n}'] * 9)}]}}\n" for n in range(40)
)
HOSTILE_YAML = {
    "nothing": b"",
    "bytes that are no text": b"steps: \xff\xfe",
    "the first half of UTF-16": "steps: 3".encode("utf-16")[:-1],
    "zero bytes": b"steps: 3\0",
    "aliases of aliases": f"holdout: {laughs(40)}".encode(),
    "aliases of aliases as networks": f"generator: {laughs(40)}".encode(),
    "aliases of aliases as layers": f"classifier: {{convolutions: [{laughs(40)}]}}".encode(),
    "merged aliases": MERGED.encode(),
    "a list within itself": b"holdout: &a [*a]",
    "a mapping within itself": b"&a\ngenerator: *a",
    "lists in lists": b"holdout: " + b"[" * 60_000,
    "mappings in mappings": b"{a: " * 40_000,
    "an integer of many digits": b"steps: " + b"9" * 9000,
    "a hexadecimal of many digits": b"steps: 0x" + b"f" * 9000,
    "a hexadecimal as text": b"dataset: 0x" + b"f" * 9000,
    "a hexadecimal as a fraction": b"learning_rate: 0x" + b"f" * 9000,
    "a hexadecimal as a name": b"0x" + b"f" * 9000 + b": 1",
    "more than a float holds": b"learning_rate: 1e999",
    "no such day": b"steps: 2001-99-99",
    "no truth": b"deterministic: !!bool maybe",
    "no integer": b"steps: !!int ''",
    "no date": b"steps: !!timestamp x",
    "a list as a key": b"? [a, b]\n: 1",
    "no key": b"null: 1",
    "no number as a key": b".nan: 1",
    "a key of many lines": b'generator: {towers: {"a\\nb": 1}}',
    "a name with a zero byte": b'data_dir: "a\\0b"',
    "many writers": b"writers: 999999999",
    "writers without end": b"writers: '" + b"9" * 9000 + b"'",
    "a preset that is a list": b"preset: [a]",
    "no dataset": b"dataset: null",
    "thousands of layers": b"generator: {trunk: [" + b"1, " * 3000 + b"]}",
    "thousands of layers of a head": b"classifier: {heads: {digit: [" + b"1, " * 3000 + b"]}}",
    "a fraction of turns": b"transformations: 4.0",
}


@pytest.mark.parametrize("kind", HOSTILE_YAML)
def test_hostile_settings_are_refused(kind, tmp_path):
    path = write(tmp_path / "config.yaml", HOSTILE_YAML[kind])
    with refused(path):
        read_config(path)
    with refused():
        check_config(resolve(config_file=path))


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{}]]",
        "!!python/object/new:os.system [touch {}]",
        "!!python/name:os.system",
        "!!python/module:antigravity",
    ],
)
def test_no_tag_runs_code(tag, tmp_path):
    trace = tmp_path / "trace"
    path = write(tmp_path / "config.yaml", f"holdout: {tag.format(trace)}".encode())
    with refused(path):
        read_config(path)
    assert not trace.exists()


@pytest.mark.parametrize("persons", ["\u00b2", "9" * 50, "999999999"])
def test_persons_that_no_grid_has_are_refused(persons):
    with refused(f"--persons {persons}"):
        load_dataset(RunConfig.of(dataset="faces", persons=persons))
    with refused(f"--persons {persons}"):
        choose_persons(persons, ["F01", "F02"])


def test_few_aliases_are_written_out(tmp_path):
    text = "generator: {trunk: &units [8, 8]}\nclassifier: {head_units: *units}"
    assert read_config(write(tmp_path / "config.yaml", text.encode())).classifier.head_units == (8, 8)


def config_text() -> bytes:
    return yaml.safe_dump(to_dict(RunConfig()), sort_keys=False).encode()


def read_settings(path: Path):
    with read_or_refused():
        check_config(resolve(config_file=path))
    with read_or_refused(path):
        config = read_config(path)
        write_config(config, path)
        assert read_config(path) == config


@inputs(700, content=damaged(config_text()))
def test_damaged_settings_are_read_or_refused(content, folder):
    read_settings(write(folder / "config.yaml", content))


@inputs(700, st.sampled_from(list(paths_in(to_dict(RunConfig())))), anything())
def test_settings_of_any_value_are_read_or_refused(folder, place, value):
    changed = with_replaced(to_dict(RunConfig()), place, value)
    read_settings(write(folder / "config.yaml", yaml.safe_dump(changed).encode()))


KEPT = {
    "steps": 24,
    "holdout": ["low-level"],
    "precision": "float32",
    "generator": {"trunk": [16], "mean": None},
}


@pytest.mark.parametrize("kind", HOSTILE_YAML)
def test_a_folder_with_hostile_settings_is_refused(kind, tmp_path):
    path = write(tmp_path / "study.yaml", HOSTILE_YAML[kind])
    with refused(tmp_path):
        keep_settings(path, KEPT, "study")


@pytest.mark.parametrize("precision", ["", "float16", "[float32]", "null", "0x" + "f" * 9000])
def test_a_precision_that_is_none_is_refused(precision, tmp_path):
    path = write(tmp_path / "study.yaml", f"precision: {precision}".encode())
    with refused(path):
        with_precision(RunConfig(), path)


@pytest.mark.parametrize("put", [put_folder, put_pipe, put_endless_device], ids=lambda put: put.__name__)
def test_kept_settings_that_are_no_file_are_refused(put, tmp_path):
    path = tmp_path / "study.yaml"
    put(path)
    with refused(path):
        keep_settings(path, KEPT, "study")
    with refused(path):
        with_precision(RunConfig(), path)


def test_a_difference_is_told_in_full():
    """Of layers, too, which take several hundred letters."""
    stored, wanted = (to_dict(resolve(preset)) for preset in ("faces", "kdef-published"))
    (said,) = differing_settings(stored, {"classifier": wanted["classifier"]}, "there")
    assert said == f"classifier: {stored['classifier']} there, {wanted['classifier']} now"


def read_kept(path: Path):
    with read_or_refused(path.parent):
        keep_settings(path, KEPT, "study")
        assert read_yaml(path).items() >= KEPT.items()
    with read_or_refused(path):
        assert with_precision(RunConfig(), path).precision in ("auto", "float32", "mixed_bfloat16")


@inputs(400, content=damaged(yaml.safe_dump(KEPT, sort_keys=False).encode()))
def test_damaged_kept_settings_are_the_same_or_refused(content, folder):
    read_kept(write(folder / "study.yaml", content))


@inputs(300, st.sampled_from([(), *paths_in(KEPT)]), anything())
def test_kept_settings_of_any_value_are_the_same_or_refused(folder, place, value):
    read_kept(write(folder / "study.yaml", yaml.safe_dump(with_replaced(KEPT, place, value)).encode()))
