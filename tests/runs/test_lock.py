import os
import signal
import subprocess
import sys

import pytest

from gcn_tf.errors import UserError
from gcn_tf.runs.lock import locked

HOLD = (
    "import sys, time; from pathlib import Path; from gcn_tf.runs.lock import locked\n"
    "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def test_a_second_process_is_refused_while_the_first_lives(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(UserError, match=f"{tmp_path} is being trained by process {first.pid}"),
            locked(tmp_path),
        ):
            pass
        os.kill(first.pid, signal.SIGKILL)  # a crash leaves no lock behind
        first.wait()
        with locked(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_folder_can_be_held_again(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            pass
