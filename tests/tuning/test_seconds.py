import json
import time

import pytest

from gcn_tf.tuning import seconds
from gcn_tf.tuning.seconds import counted_seconds


def test_seconds_are_those_of_all_sittings(tmp_path):
    path = tmp_path / "seconds.json"
    path.write_text('{"seconds": 100.0}')

    def stopped():
        with counted_seconds(path) as count:
            assert count() > 100
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    kept = json.loads(path.read_text())["seconds"]
    assert 100 < kept < 110
    with counted_seconds(path) as count:
        assert kept <= count() < kept + 10


def test_seconds_are_kept_before_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(seconds, "KEPT_EVERY", 0.01)
    path = tmp_path / "seconds.json"
    with counted_seconds(path):
        until = time.monotonic() + 20
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert json.loads(path.read_text())["seconds"] > 0


@pytest.mark.parametrize("content", ["", "[]", '{"seconds": "many"}', '{"seconds": -1.0}', '{"sec'])
def test_damaged_seconds_count_from_zero(content, tmp_path):
    path = tmp_path / "seconds.json"
    path.write_text(content)
    with counted_seconds(path) as count:
        assert 0 <= count() < 10
