"""`upload_folder` of the page about sharing, against a server on this machine: nothing leaves it."""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest

import gcn_tf
from gcn_tf.runs.bundle import read_checksums
from gcn_tf.sharing.share import share

PAGE = Path(__file__).parents[2] / "docs" / "sharing.md"
pytestmark = pytest.mark.usefixtures("toy_judges")


class Hub(ThreadingHTTPServer):
    """What the Hugging Face Hub answers to an upload; it keeps what it was sent.

    Attributes:
        created: what repositories were asked for.
        cards: texts of cards that were to be checked.
        files: content by path, of all commits.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.created: list[dict] = []
        self.cards: list[str] = []
        self.files: dict[str, bytes] = {}
        self.endpoint = f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str, body: bytes) -> dict:
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return {"url": f"{self.endpoint}/anna/digits"}
        if path == "/api/validate-yaml":
            self.cards.append(json.loads(body)["content"])
            return {"errors": [], "warnings": []}
        if path == "/api/models/anna/digits/preupload/main":
            told = {"uploadMode": "regular", "shouldIgnore": False}
            return {"files": [{"path": file["path"], **told} for file in json.loads(body)["files"]]}
        assert path == "/api/models/anna/digits/commit/main", path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                assert line["value"]["encoding"] == "base64"
                self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            else:
                assert line["key"] == "header"
        return {"commitUrl": f"{self.endpoint}/anna/digits/commit/1", "commitOid": "1" * 40}


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
        text = json.dumps(self.server.answer(self.path.partition("?")[0], body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _chunks(self) -> bytes:
        parts = []
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *args) -> None:
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch):
    """A server in the place of the Hub, for the two functions that the page uses."""
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = huggingface_hub.HfApi(endpoint=server.endpoint, token="hf_of_nobody")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub, "create_repo", api.create_repo)
    monkeypatch.setattr(huggingface_hub, "upload_folder", api.upload_folder)
    yield server
    server.shutdown()
    server.server_close()


def test_the_hub_takes_a_bundle_as_it_is(reported_run, hub, tmp_path, monkeypatch):
    bundle = share(reported_run, tmp_path / "digits").folder
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    exec(code, {})
    wanted = {
        str(path.relative_to(bundle)): path.read_bytes() for path in bundle.rglob("*") if path.is_file()
    }
    assert hub.files == wanted
    assert set(hub.files) == {*read_checksums(bundle), "SHA256SUMS"}
    assert set(hub.cards) == {(bundle / "README.md").read_text()}
    (created,) = hub.created
    assert (created["name"], created["organization"]) == ("digits", "anna")
    assert (
        created.get("private") is True or created.get("visibility") == "private"
    )  # by the library's version
    for name, content in hub.files.items():
        path = tmp_path / "downloaded" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert gcn_tf.open_run(tmp_path / "downloaded").factors["color"] == ("red", "green", "blue")
