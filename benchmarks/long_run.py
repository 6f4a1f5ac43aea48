"""Whether a long training grows: memory, open files and the disk it takes, looked at while it runs.

    python benchmarks/long_run.py --minutes 60 --dataset glyphs

It trains as `gcn-tf train` does, in a process of its own with settings that log, evaluate and save often, and ends it by
SIGTERM, as a machine that is taken away would. A line for every tenth of the time; growth is that of the mean of the
last tenth over the second, for the first holds what is loaded and traced once. Linux only: it reads /proc.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PARTS = 10
SECONDS_BETWEEN = 2.0


def own_mib(process: int) -> float:
    """Memory that a process wrote to and holds, in RAM or swapped out, MiB; what it maps of files comes and goes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "VmSwap:"))) / 1024


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def size_mb(folder: Path, names: str) -> float:
    return sum(path.stat().st_size for path in folder.rglob(names)) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--dataset", default="glyphs")
    parser.add_argument("--steps", default="100000", help="more than fit into the time")
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["--dataset", options.dataset, "--run-dir", str(run), "--steps", options.steps]
        words += ["--schedule", "constant", "--learning-rate", "1e-4"]
        words += ["--checkpoint-steps", "100", "--image-steps", "100", *more]
        command = [sys.executable, "-m", "gcn_tf.cli", "train", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            watch(process, run, options.minutes * 60)
        finally:
            process.kill()
            process.wait()


def watch(process: subprocess.Popen, run: Path, seconds: float) -> None:
    while not (run / "metrics.jsonl").exists():
        if process.poll() is not None:
            raise SystemExit("the training ended before its first line")
        time.sleep(0.5)
    print("minutes  memory MiB  open files  checkpoints MB  TensorBoard MB", flush=True)
    start, means, files = time.monotonic(), [], []
    for part in range(1, PARTS + 1):
        seen, opened = [], []
        while time.monotonic() < start + seconds * part / PARTS:
            if process.poll() is not None:
                raise SystemExit("the training ended before the time was up: give it more --steps")
            seen.append(own_mib(process.pid))
            opened.append(open_files(process.pid))
            time.sleep(SECONDS_BETWEEN)
        means.append(statistics.mean(seen))
        files.append(max(opened))
        disk = [size_mb(run, names) for names in ("*.npz", "events.out.*")]
        print(
            f"{seconds * part / PARTS / 60:7.1f}  {means[-1]:10.1f}  {files[-1]:10}  {disk[0]:14.1f}  {disk[1]:14.2f}",
            flush=True,
        )
    lines = (run / "metrics.jsonl").read_text().splitlines()
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait()
    print(
        f"memory grew by {means[-1] / means[1] - 1:+.2%}, open files by {files[-1] - files[1]:+}; {json.loads(lines[-1])['step']} steps"
    )
    print(
        f"ended {time.monotonic() - asked:.1f} s after SIGTERM with exit code {code}; said at the beginning:"
    )
    print("".join(line for line in process.stdout or [] if "at most" in line), end="")


if __name__ == "__main__":
    main()
