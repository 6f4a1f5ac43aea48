"""How good planned settings are over several hold-outs: every figure of the report's unseen cells, its mean, lowest and highest.

python benchmarks/holdouts.py OUT signs=FOLDER Greek=FOLDER faces qmnist=FOLDER --seeds 5 --steps 20

Names as for plans.py, and people=FOLDER and so on for any other folder with labels; each seed has other unseen cells. --steps: of the training, where fewer than planned will do: a generator that draws from
references has most of what it knows before the first. Runs that OUT already holds are not trained again.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from plans import PRESETS, settings_of, train

from gcn_tf.config.files import with_settings
from gcn_tf.quiet import import_tensorflow


def figures(report: dict[str, Any], group: str) -> dict[str, float]:
    """All figures of a group of cells, and of the additive model in it."""
    found = dict(report["scores"][group])
    for factor, hands in report["hand_correlation"]["generated"].get(group, {}).items():
        found |= {f"hand of {factor}: {name}": hand for name, hand in hands.items()}
    additive = report["baselines"].get("additive", {}).get("scores", {}).get(group, {})
    found |= {f"additive {name}": additive.get(name) for name in ("psnr_db", "ssim", "sharpness")}
    for judge, known in report["judges"].items():
        found |= {f"real {f}, kept from {judge}": share for f, share in known["held_out_accuracy"].items()}
    values = {name: value["value"] if isinstance(value, dict) else value for name, value in found.items()}
    return {name: value for name, value in values.items() if value is not None}


def main(out: Path, grids: list[str], seeds: int, steps: int, changes: dict[str, Any]) -> None:
    import_tensorflow()
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.planning.plan import make_plan

    for grid in grids:
        name, _, folder = grid.partition("=")
        config = with_settings(settings_of(name, folder), changes, "")
        planned = make_plan(config, ("holdout",) if name in PRESETS else ()).config
        found: dict[str, list[dict[str, float]]] = {}
        for seed in range(seeds):
            run_dir = out / f"{name}-{seed}"
            own = {"seed": seed, "steps": min(steps, planned.steps)}
            train(with_settings(planned, own, ""), run_dir)
            report = read_report(run_dir)
            for group in report["scores"]:
                if group != "seen":
                    found.setdefault(group, []).append(figures(report, group))
        for group, rows in found.items():
            print(f"\n{name}, {group}, {len(rows)} hold-outs")
            for figure in rows[0]:
                values = [row[figure] for row in rows if figure in row]
                print(f"{figure:48s} {np.mean(values):7.3f}  {min(values):7.3f} to {max(values):7.3f}")
            print(end="", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("grids", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--limit", nargs="*", default=None, help="as of gcn-tf: person=100")
    given = parser.parse_args()
    changes = {} if given.limit is None else {"limit": given.limit}
    main(given.out, given.grids, given.seeds, given.steps, changes)
