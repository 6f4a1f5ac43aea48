"""Bundles: runs that were handed on, with a SHA-256 of every file, which is compared whenever one is opened."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from gcn_tf.errors import UserError, shown_text
from gcn_tf.files import read_small, require_regular, write_atomically

CHECKSUMS = "SHA256SUMS"  # as `sha256sum` writes and checks it
ABOUT = "bundle.json"  # which run it is of and what its owner stated; checksums that list it are those of a bundle
CARD = "README.md"  # people edit it, and so do hubs: it has a checksum, but nobody insists on it
LARGEST_CHECKSUMS = 2**22  # bytes
REMEDY = "copy the bundle again from where it is from"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def is_bundle(folder: Path) -> bool:
    """Whether a folder is one that `gcn-tf share` wrote."""
    return ABOUT in read_checksums(folder)


def read_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by file of a bundle, in hexadecimal; nothing for other folders.

    Raises:
        UserError: the checksums of a bundle are damaged.
    """
    path = folder / CHECKSUMS
    try:
        lines = read_small(path, LARGEST_CHECKSUMS).decode().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        lines = [""]
    found = [_LINE.fullmatch(line) for line in lines]
    sums = {match[2]: match[1] for match in found if match}
    if None not in found and all(_is_inside(name) for name in sums):
        return sums if ABOUT in sums else {}
    if not (folder / ABOUT).exists():  # somebody else's checksums
        return {}
    raise UserError(f"{path} is damaged (line {_first_wrong(lines)}): {REMEDY}")


def _first_wrong(lines: list[str]) -> int:
    matches = [_LINE.fullmatch(line) for line in lines]
    return next(n for n, match in enumerate(matches, 1) if not match or not _is_inside(match[2]))


def _is_inside(name: str) -> bool:
    """Whether a name is that of a file in the folder itself or below it."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files of a bundle, and of folders in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / CHECKSUMS)
    _write(folder, {str(path.relative_to(folder)): file_sha256(path) for path in paths})


def renew_checksums(folder: Path, part: str) -> None:
    """After a folder of a run was written again, write its checksums anew if the run is a bundle.

    Args:
        part: name of the folder within the run, such as "report".
    """
    sums = read_checksums(folder)
    if ABOUT not in sums:
        return
    others = {name: value for name, value in sums.items() if Path(name).parts[0] != part}
    paths = [path for path in (folder / part).rglob("*") if path.is_file()]
    _write(folder, {**others, **{str(path.relative_to(folder)): file_sha256(path) for path in paths}})


def _write(folder: Path, sums: Mapping[str, str]) -> None:
    text = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    write_atomically(folder / CHECKSUMS, lambda path: path.write_text(text, encoding="utf-8"))


def check_whole(folder: Path) -> None:
    """Raise UserError naming the first file of a bundle that is not as it was handed on; other folders pass.

    The model card may differ, and there may be other files beside those of the bundle.
    """
    reasons = {}
    for name, wanted in read_checksums(folder).items():
        if name != CARD and (reason := _difference(folder / name, wanted)):
            reasons[folder / name] = reason
    if reasons:
        path, reason = next(iter(reasons.items()))
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise UserError(f"{shown_text(str(path))} {reason}{more}")


def _difference(path: Path, wanted: str) -> str:
    """What is wrong with a file, and the remedy; "" if it has the wanted SHA-256."""
    try:
        if file_sha256(path) == wanted:
            return ""
        with path.open("rb") as file:
            pointer = file.read(40).startswith(b"version https://git-lfs")
    except OSError as error:
        return f"cannot be read ({error.strerror}): {REMEDY}"
    if pointer:
        return "is a pointer of Git LFS, not the file itself: git lfs pull fetches it"
    return f"is not as it was handed on (its SHA-256 differs): {REMEDY}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file, in hexadecimal; raises OSError for anything else."""
    require_regular(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_not_bundle(run_dir: Path) -> None:
    """Raise UserError for a bundle: it is not trained on."""
    if is_bundle(run_dir):
        raise UserError(
            f"{run_dir} is a bundle, whose model, report and card belong together: resume the run that it was shared from, "
            "or train a new one with gcn-tf train --config "
            f"{run_dir / 'config.yaml'}"
        )
