"""`gcn-tf explore`: a page to look at runs and to play with them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Annotated

from tyro.conf import Positional

from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, place
from gcn_tf.config.checks import check_flag
from gcn_tf.errors import UserError
from gcn_tf.quiet import import_tensorflow

HELP = """Show runs on a page in the browser: their grid, sliders, blends, photographs, and how to make it again.

Example: gcn-tf explore runs/demo
"""


@dataclass(frozen=True)
class Explore:
    """Options of `explore`."""

    runs: Positional[tuple[Path, ...]]
    """Folders that train wrote, shown side by side; or the best checkpoint of one, RUN/checkpoints/best.npz."""
    host: str = "127.0.0.1"
    """Address of this machine to serve at; beyond 127.0.0.1 others can see the page."""
    port: Annotated[int, place("a free one", "INT")] = 0
    """Port to serve at."""
    password: str = ""
    """Ask for this password."""
    browser: bool = False
    """Open the page in the browser."""
    debug: Debug = False


OWN_FLAGS = (Explore,)


def parse(words: Sequence[str]) -> Explore:
    """Flags as options; raises UserError for words that `explore` does not take."""
    return flags.parse(Explore, words, "explore", HELP)


def run(options: Explore) -> None:
    """Serve the page until Ctrl-C."""
    check_flag("--port", options.port, 0, 65_535)
    if not find_spec("gradio"):
        raise UserError("explore needs Gradio: pip install 'gcn-tf[explore]'")
    with TemporaryDirectory(prefix="gcn-tf-explore-") as photographs:
        os.environ |= {
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_OFFLINE": "1",
            "GRADIO_TEMP_DIR": photographs,
        }
        Thread(
            target=import_module, args=("gradio",), daemon=True
        ).start()  # beside TensorFlow: 3 seconds less
        import_tensorflow()
        _serve(options)


def _serve(options: Explore) -> None:
    from gcn_tf.explore.serve import LOCAL, serve

    if options.host not in LOCAL and not options.password:
        print(
            f"--host {options.host} without --password: anybody who reaches it can see the pictures of these runs"
        )
    serve(options.runs, options.host, options.port, options.password, options.browser)
