import hashlib
import json

import pytest

from gcn_tf.errors import UserError
from gcn_tf.runs.bundle import (
    ABOUT,
    CARD,
    CHECKSUMS,
    check_not_bundle,
    check_whole,
    is_bundle,
    read_checksums,
    renew_checksums,
    write_checksums,
)


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that make a bundle one."""
    for name in (ABOUT, CARD, "model/a b.bin", "report/report.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(name))
    write_checksums(tmp_path)
    return tmp_path


def test_checksums_are_those_of_all_files_as_sha256sum_writes_them(folder):
    lines = (folder / CHECKSUMS).read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
        for name in (CARD, ABOUT, "model/a b.bin", "report/report.json")
    ]
    check_whole(folder)


def test_a_changed_file_is_named_with_the_remedy(folder):
    (folder / "model" / "a b.bin").write_text("other")
    with pytest.raises(
        UserError, match=r"model/a b.bin is not as it was handed on .*: copy the bundle again"
    ):
        check_whole(folder)


def test_a_missing_file_is_named_and_others_are_counted(folder):
    (folder / "model" / "a b.bin").unlink()
    (folder / ABOUT).unlink()
    with pytest.raises(UserError, match=r"bundle.json cannot be read .*, and 1 more"):
        check_whole(folder)


def test_a_pointer_of_git_lfs_is_told_from_damage(folder):
    (folder / ABOUT).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(UserError, match="git lfs pull"):
        check_whole(folder)


def test_the_card_may_be_edited_and_files_added(folder):
    (folder / CARD).write_text("# Mine\n")
    (folder / ".gitattributes").write_text("*.bin filter=lfs\n")
    check_whole(folder)


@pytest.mark.parametrize(
    "text", ["", "no checksums\n", f"{'0' * 64}  photo.png\n", f"{'0' * 64}  ../{ABOUT}\n"]
)
def test_the_checksums_of_other_folders_are_none_of_a_bundle(tmp_path, text):
    (tmp_path / CHECKSUMS).write_text(text)
    assert not is_bundle(tmp_path)
    check_whole(tmp_path)
    check_not_bundle(tmp_path)


@pytest.mark.parametrize("line", ["cut", f"{'0' * 64}  ../secret", f"{'0' * 64}  /etc/hostname"])
def test_damaged_checksums_of_a_bundle_are_an_error(folder, line):
    text = (folder / CHECKSUMS).read_text()
    (folder / CHECKSUMS).write_text(f"{text}{line}\n")
    with pytest.raises(UserError, match=r"SHA256SUMS is damaged \(line 5\)"):
        check_whole(folder)


def test_a_part_that_is_written_again_gets_its_checksums_anew(folder):
    before = read_checksums(folder)
    (folder / "report" / "report.json").unlink()
    (folder / "report" / "report.md").write_text("new")
    renew_checksums(folder, "report")
    check_whole(folder)
    after = read_checksums(folder)
    assert set(after) == {ABOUT, CARD, "model/a b.bin", "report/report.md"}
    assert after[ABOUT] == before[ABOUT]


def test_a_run_that_is_no_bundle_gets_no_checksums(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.md").write_text("new")
    renew_checksums(tmp_path, "report")
    assert not (tmp_path / CHECKSUMS).exists()


def test_a_bundle_is_not_trained_on(folder):
    with pytest.raises(UserError, match="is a bundle"):
        check_not_bundle(folder)
