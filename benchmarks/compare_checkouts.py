"""Do two checkouts train the same networks, bit for bit, and report the same figures?

    python benchmarks/compare_checkouts.py BEFORE AFTER --manual-dir ~/qmnist --steps 100

Every dataset is trained in both with `--deterministic always` and one seed. Compared are the last checkpoint (every
array, as bytes), metrics.jsonl and the figures of report.json. Both share one cache, so that the judges that the first
trains must still be valid in the second. Runs that are finished in --out are not trained again.
"""

import argparse
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

# Judges take the faster of two number types, which a busy machine finds out differently each time: pinned for both.
PINNED = """\
import importlib, sys
for name in ("gcn_tf.precision", "gcn_tf.model.precision"):
    try:
        importlib.import_module(name).GAIN_WANTED = 0.0
    except ModuleNotFoundError:
        pass
from gcn_tf.cli import run
run()
"""
FIGURES = ("steps", "pictures", "base_images", "scores", "real_repeats", "judges", "confusion")


def train(checkout: Path, dataset: str, run_dir: Path, cache: Path, flags: list[str]) -> None:
    """Train one run with the code of a checkout, unless its report is there."""
    if (run_dir / "report" / "report.json").exists():
        return
    command = [sys.executable, "-c", PINNED, "train", "--dataset", dataset, "--run-dir", str(run_dir)]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([*command, *flags], cwd=run_dir.parent, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {checkout} ended with {done.returncode}")


def last_arrays(run_dir: Path) -> dict[str, bytes]:
    """The newest checkpoint's arrays by name, as bytes."""
    with zipfile.ZipFile(max((run_dir / "checkpoints").glob("step-*.npz"))) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".npy")}


def logged(run_dir: Path) -> list[dict[str, object]]:
    """The lines of metrics.jsonl without the name of the run, which says the version's settings."""
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "run"} for line in lines]


def differences(before: Path, after: Path) -> list[str]:
    """What differs between two finished runs, in words; empty when nothing does."""
    found = []
    one, other = last_arrays(before), last_arrays(after)
    if one != other:
        unequal = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        found.append(f"weights: {len(unequal)} of {len(one)} arrays differ ({', '.join(unequal[:3])} ...)")
    if logged(before) != logged(after):
        found.append("metrics.jsonl differs")
    reports = [json.loads((run / "report" / "report.json").read_text()) for run in (before, after)]
    found += [f"report.json: {key} differs" for key in FIGURES if reports[0].get(key) != reports[1].get(key)]
    return found


def main() -> None:
    """Train in both checkouts, compare, and end with exit code 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--datasets", nargs="+", default=["glyphs", "qmnist", "faces"])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--precision", default="mixed_bfloat16")
    parser.add_argument("--manual-dir", type=Path, help="folder with the official files of qmnist")
    parser.add_argument("--out", type=Path, default=Path("runs/compared"))
    options = parser.parse_args()
    out = options.out.resolve()
    unequal = False
    for dataset in options.datasets:
        flags = ["--steps", str(options.steps), "--precision", options.precision, "--seed", "0"]
        flags += ["--deterministic", "always", "--image-steps", "50"]
        if dataset.startswith("qmnist") and options.manual_dir:
            flags += ["--manual-dir", str(options.manual_dir.resolve())]
        runs = [out / name / dataset for name in ("before", "after")]
        for checkout, run in zip(options.checkouts, runs, strict=True):
            run.parent.mkdir(parents=True, exist_ok=True)
            train(checkout.resolve(), dataset, run, out / "cache", flags)
        found = differences(*runs)
        unequal |= bool(found)
        print(f"{dataset}: {'; '.join(found) or 'equal: weights, metrics.jsonl, figures'}", flush=True)
    raise SystemExit(int(unequal))


if __name__ == "__main__":
    main()
