"""Prepare QMNIST with TFDS: quietly, with time limits of seconds, and with one-line errors."""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.util import DownloadError
from tqdm import tqdm

from gcn_tf.pipelines.prepared import prepare_once, quiet
from gcn_tf.pipelines.qmnist.sources import SUBSETS, QmnistError

RETRIES = 2  # TFDS's own 10 take 200 s without a network
ANSWER_SECONDS = 8.0  # until a server's first answer
TRANSFER_SECONDS = 20.0  # without a byte during a transfer


def prepare(builder: tfds.core.DatasetBuilder, manual_dir: Path | None) -> None:
    """Download or find the source files, verify them and write the TFDS dataset; do nothing if it exists.

    Raises:
        QmnistError: unreachable, wrong or damaged files, or a folder that cannot be written.
    """
    config = tfds.download.DownloadConfig(
        manual_dir=manual_dir, try_download_gcs=False, force_checksums_validation=True
    )
    try:
        with quiet(), impatient_downloads():
            prepare_once(builder, config)
    except (requests.RequestException, DownloadError) as error:
        raise QmnistError(_out_of_reach(builder.builder_config.name, error)) from error
    except NonMatchingChecksumError as error:
        found = " ".join(str(error).partition("\nTo debug")[0].split())
        raise QmnistError(f"{found}: download it another way and add --manual-dir FOLDER") from error
    except (OSError, tf.errors.OpError) as error:
        if not builder.data_path.exists():  # it exists if another process was faster
            place = f"{builder.data_dir_root} ({_brief(error)})"
            raise QmnistError(f"cannot write to {place}: choose another --data-dir") from error


def _out_of_reach(subset: str, error: Exception) -> str:
    urls = ", ".join(source.url for source in SUBSETS[subset].sources)
    return (
        f"cannot download qmnist/{subset} ({_brief(error)}): put these files in a folder "
        f"and add --manual-dir FOLDER: {urls}"
    )


def _brief(error: Exception) -> str:
    """The innermost reason of nested network errors, in one line of at most 160 characters."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return " ".join(str(reason or error).split())[:160]


@contextlib.contextmanager
def impatient_downloads() -> Iterator[None]:
    """Give TFDS's downloads fewer retries, time limits and one progress bar per file.

    TFDS has no settings for them, so this replaces two names of its downloader and restores them.
    """
    retries, open_url = downloader.MAX_RETRIES, downloader._open_url

    @contextlib.contextmanager
    def open_within_limits(url: str, **options: Any) -> Iterator[tuple[requests.Response, Iterable[bytes]]]:
        require_answer(url, ANSWER_SECONDS)
        options["timeout"] = (ANSWER_SECONDS, TRANSFER_SECONDS)
        with open_url(url, **options) as (response, blocks):
            yield response, _with_progress(response, blocks)

    downloader.MAX_RETRIES, downloader._open_url = RETRIES, open_within_limits
    try:
        yield
    finally:
        downloader.MAX_RETRIES, downloader._open_url = retries, open_url


def require_answer(url: str, seconds: float) -> None:
    """Raise requests.RequestException unless the server answers within `seconds`.

    The time limit of `requests` excludes the name look-up and starts again for each address of a server, so the
    request runs in a thread that may outlive this call.
    """
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            requests.head(url, timeout=seconds)
            outcome.append(None)
        except requests.RequestException as error:
            outcome.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise requests.ConnectTimeout(f"no answer from {url.split('/')[2]} in {seconds:g} s")
    if outcome[0]:
        raise outcome[0]


def _with_progress(response: requests.Response, blocks: Iterable[bytes]) -> Iterator[bytes]:
    total = int(response.headers.get("Content-Length", 0)) or None
    name = response.url.rpartition("/")[2]
    options: dict[str, Any] = {"unit": "B", "unit_scale": True, "delay": 2, "leave": False, "disable": None}
    with tqdm(total=total, desc=name, **options) as bar:
        for block in blocks:
            bar.update(len(block))
            yield block
