"""Readers that go away, closed streams and narrow encodings, for real: what a command is worth is its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gcn_tf.cli import main

STREAMS = ("stdout", "stderr")
# Says a lot on both streams, by all ways there are, then does its work and ends with an exit code of its own.
TALK = """
import sys, threading, tqdm
from gcn_tf.streams import secure_streams
secure_streams()

def talk():
    for line in tqdm.tqdm(range(3000), mininterval=0):
        print("a line of some length, which fills every buffer " * 3)
        print("another one", file=sys.stderr)

thread = threading.Thread(target=talk)
thread.start()
thread.join()
talk()
sys.stdout.flush()
open("work", "w").write("done")
sys.exit(3)
"""
OPEN_FILES = """
import os, subprocess, sys
from gcn_tf.streams import secure_streams
secure_streams()
assert not {sys.stdin, sys.stdout, sys.stderr} & {None}
print("out"), print("err", file=sys.stderr), sys.stdin.read()
with open("checkpoint", "w") as file:
    os.write(1, b"C++ says"), os.write(2, b"C++ says")
    assert file.fileno() > 2
subprocess.run([sys.executable, "-c", "import os; [os.fstat(n) for n in range(3)]"], check=True)
"""


def call(*words, **options):
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, check=False, timeout=120, text=True, **options)


@pytest.fixture
def nobody_reads():
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("flag", ["-u", "-B"])  # without and with a buffer
@pytest.mark.parametrize("stream", STREAMS)
def test_work_goes_on_when_the_reader_has_gone(stream, flag, nobody_reads, tmp_path):
    pipes = dict.fromkeys(STREAMS, subprocess.PIPE) | {stream: nobody_reads}
    done = call(flag, "-c", TALK, cwd=tmp_path, **pipes)
    assert done.returncode == 3
    assert (tmp_path / "work").read_text() == "done"
    assert "Error" not in (done.stderr or "")
    other = {"stdout": done.stderr, "stderr": done.stdout}[stream]
    assert other.count("another one" if stream == "stdout" else "a line of") >= 6000


def test_a_reader_may_go_in_the_middle(tmp_path):
    with subprocess.Popen([sys.executable, "-c", TALK], cwd=tmp_path, stdout=-1, stderr=-1) as process:
        process.stdout.readline()
        process.stdout.close()
        assert b"Error" not in process.stderr.read()
    assert process.returncode == 3


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(closed, tmp_path):
    line = f'exec "{sys.executable}" -c "$0" {closed}'
    done = subprocess.run(["sh", "-c", line, OPEN_FILES], cwd=tmp_path, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0
    assert (tmp_path / "checkpoint").read_bytes() == b""


NARROW = (
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
)


@pytest.mark.parametrize("settings", NARROW)
def test_what_an_encoding_lacks_is_escaped(settings):
    code = (
        "import sys; from gcn_tf.streams import secure_streams; secure_streams();"
        "print('\\U0001f600'); print('\\udcff', file=sys.stderr)"
    )
    done = call("-c", code, env=os.environ | settings, capture_output=True)
    assert (done.stdout, done.stderr) == ("\\U0001f600\n", "\\udcff\n")


def test_a_name_that_is_no_text_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--run-dir", "runs/\udcff"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "gcn-tf: 'runs/\\udcff' cannot be decoded as" in said
    assert "set PYTHONUTF8=1" in said
    assert said.count("\n") == 1


def test_a_folder_in_an_unknown_home_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "--data-dir=~no-such-user/x", "--dry-run"])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "--data-dir ~no-such-user/x: that user has no home here, give the whole path" in said
    assert said.count("\n") == 1


def test_an_error_keeps_its_exit_code_when_nobody_reads(nobody_reads):
    done = call("-m", "gcn_tf.cli", "trian", stdout=nobody_reads, stderr=nobody_reads)
    assert done.returncode == 2


def training(toy_config_file: Path, name: str) -> list[str]:
    """The program, with a training whose report is only a file."""
    code = (
        "from gcn_tf.streams import secure_streams; secure_streams();"
        "from gcn_tf.quiet import import_tensorflow; import_tensorflow();"
        "from gcn_tf.commands import train; from gcn_tf.evaluation import report;"
        "report.write_report = lambda run, split: (run.folder / 'report').touch();"
        "train.print_report = print;"
        "from gcn_tf.cli import run; run()"
    )
    return ["-c", code, "train", "--config", str(toy_config_file), "--run-dir", name]


@pytest.mark.slow
def test_a_training_is_whole_when_nobody_reads(nobody_reads, toy_config_file, tmp_path):
    words = training(toy_config_file, "run")
    done = call(*words, cwd=tmp_path, stdout=nobody_reads, stderr=nobody_reads)
    assert done.returncode == 0
    assert (tmp_path / "run/report").exists()


@pytest.mark.long
@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_training_is_whole_with_closed_streams(closed, toy_config_file, tmp_path):
    line = f'exec "{sys.executable}" "$@" {closed}'
    command = ["sh", "-c", line, "sh", *training(toy_config_file, "run")]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    assert (tmp_path / "run/report").exists()
    assert len(list((tmp_path / "run/checkpoints").glob("*.npz"))) >= 2


@pytest.mark.long
@pytest.mark.parametrize("settings", NARROW)
def test_a_training_is_whole_under_a_narrow_encoding(settings, toy_config_file, tmp_path):
    name = "run-\U0001f600" if "PYTHONIOENCODING" in settings else "run"
    words = training(toy_config_file, name)
    done = call(*words, cwd=tmp_path, env=os.environ | settings, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / "report").exists()
