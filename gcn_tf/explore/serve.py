"""Serve the page: on this machine alone unless asked otherwise, without a request to any other."""

import hmac
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gcn_tf.errors import UserError

LOCAL = ("127.0.0.1", "localhost", "::1")


def free_port(host: str) -> int:
    """A port that nobody uses now; raises UserError if the host is none of this machine's addresses."""
    try:
        with socket.create_server((host, 0)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise UserError(
            f"--host {host}: {error.strerror or error}; give an address of this machine, such as 127.0.0.1"
        ) from None


def check_port(host: str, port: int) -> None:
    """Raise UserError if a port is in use."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise UserError(
            f"--port {port} of {host}: {error.strerror or error}; leave --port out for a free one"
        ) from None


def serve(places: Sequence[Path], host: str, port: int, password: str, browser: bool) -> None:
    """Show runs on a page until Ctrl-C.

    Gradio keeps photographs that are dropped in where GRADIO_TEMP_DIR said when it was imported.

    Args:
        places: run directories, or checkpoints in them.
        port: 0 for a free one.
        password: "" for none.
        browser: whether a browser is opened.

    Raises:
        UserError: bad runs, or an address that cannot be used.
    """
    port = port or free_port(host)
    check_port(host, port)
    import gradio

    from gcn_tf.explore.page import build
    from gcn_tf.explore.panels import Panels
    from gcn_tf.explore.shown_run import ShownRun
    from gcn_tf.explore.style import CSS, HEAD

    blocks = build(Panels([ShownRun(place) for place in places]))
    with suppress(KeyboardInterrupt):
        blocks.launch(
            server_name=host,
            server_port=port,
            auth=(lambda _, given: hmac.compare_digest(given.encode(), password.encode()))
            if password
            else None,
            auth_message="Any user name will do." if password else None,
            theme=gradio.themes.Default(
                font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
            ),
            css=CSS,
            head=HEAD,
            footer_links=[],
            quiet=True,
            share=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            inbrowser=browser,
            prevent_thread_lock=True,
        )
        print(f"look at: http://{host}:{port}  (Ctrl-C ends it)", flush=True)
        blocks.block_thread()
