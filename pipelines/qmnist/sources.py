"""The official files of QMNIST: their URLs, their verification and their format."""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from gcn_tf.errors import UserError
from gcn_tf.files import read_small

LARGEST_FILE = 100_000_000  # bytes, packed or not; the largest official one has 47 million


class QmnistError(UserError):
    """QMNIST cannot be loaded: an unknown subset, or missing, wrong or unreachable files. The message is one line."""


class Checksum(Protocol):
    """Size and checksum of a file: a row of checksums.tsv, as TFDS reads it."""

    size: int
    checksum: str


@dataclass(frozen=True)
class Source:
    """One official file.

    Args:
        url: str. Where it is downloaded from; the last part is the official name.
        content_sha256: str. Checksum of the decompressed file. With it, a .gz file with another header but the same
            content is accepted too. Defaults to "": only the official .gz is accepted.
    """

    url: str
    content_sha256: str = ""

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Subset:
    """Images and the labels of the same digits; labels beyond the last image are ignored."""

    images: Source
    labels: Source
    description: str

    @property
    def sources(self) -> tuple[Source, Source]:
        return (self.images, self.labels)


_QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
_TEST_LABELS = Source(_QMNIST + "qmnist-test-labels-idx2-int.gz")

SUBSETS = {
    "train": Subset(
        Source(_QMNIST + "qmnist-train-images-idx3-ubyte.gz"),
        Source(_QMNIST + "qmnist-train-labels-idx2-int.gz"),
        "60,000 training digits.",
    ),
    "test": Subset(
        Source(_QMNIST + "qmnist-test-images-idx3-ubyte.gz"),
        _TEST_LABELS,
        "60,000 test digits, those of MNIST first.",
    ),
    "test10k": Subset(
        Source(
            "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz",
            content_sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _TEST_LABELS,
        "The 10,000 test digits of MNIST.",
    ),
}


def require_files(folder: Path, sources: Sequence[Source]) -> None:
    """Raise QmnistError listing the files that `folder`, given as --manual-dir, lacks."""
    missing = [source for source in sources if not (folder / source.name).is_file()]
    if missing:
        lack = f"lacks {', '.join(s.name for s in missing)}" if folder.is_dir() else "is not a folder"
        raise QmnistError(f"--manual-dir {folder} {lack}: put there {', '.join(s.url for s in missing)}")


def read_idx(path: Path, source: Source, expected: Checksum) -> np.ndarray:
    """Verify an official file, then decode it.

    Returns:
        uint8 (N, 28, 28) for images, big-endian int32 (N, 8) for labels, in file order.

    Raises:
        QmnistError: the file cannot be read, is truncated or damaged, or is another file.
    """
    try:
        packed = read_small(path, LARGEST_FILE)
    except OSError as error:
        raise QmnistError(f"cannot read {path} ({error.strerror}): get it again from {source.url}") from error
    content = _verified_content(packed, source, expected)
    if content is None:
        raise QmnistError(
            f"{source.name} is damaged or another file: expected sha256 {expected.checksum} "
            f"({int(expected.size)} bytes), found {hashlib.sha256(packed).hexdigest()} "
            f"({len(packed)} bytes): delete {path} and get it again from {source.url}"
        )
    return _decode_idx(content)


def _verified_content(packed: bytes, source: Source, expected: Checksum) -> bytes | None:
    if hashlib.sha256(packed).hexdigest() == expected.checksum:
        return gzip.decompress(packed)
    if not source.content_sha256:
        return None
    try:
        content = zlib.decompressobj(wbits=31).decompress(packed, LARGEST_FILE)  # 31: with the header of gzip
    except zlib.error:
        return None
    return content if hashlib.sha256(content).hexdigest() == source.content_sha256 else None


def _decode_idx(content: bytes) -> np.ndarray:
    # The format: two zero bytes, a byte for the type, one for the number of dimensions, then their sizes.
    kind, dimensions = content[2:4]
    dtype = np.dtype({0x08: "u1", 0x0C: ">i4"}[kind])
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    return np.frombuffer(content, dtype, offset=4 + 4 * dimensions).reshape(shape)
