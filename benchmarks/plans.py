"""How good planned settings are: the plan beside the preset made by hand, and beside baselines without a network.

python benchmarks/plans.py OUT glyphs qmnist=FOLDER faces signs=FOLDER Greek=FOLDER Korean=FOLDER
python benchmarks/plans.py OUT signs=FOLDER --with imagined_share=0.5 --with steps=300

--with SETTING=VALUE: the plan with another value of a setting, instead of the preset. NAME=FOLDER: of qmnist the folder of its files; of others a folder of own pictures, for which there is no preset: signs with
40 persons, or an alphabet of Omniglot by its name. Prints a table; runs that OUT already holds are not trained again.
"""

import argparse
import time
from pathlib import Path

import yaml

from gcn_tf.config.files import resolve, with_settings
from gcn_tf.config.schema import RunConfig
from gcn_tf.quiet import import_tensorflow

PRESETS = ("glyphs", "qmnist", "faces")
OWN = {"signs": {"limit": ["person=40"]}}


def settings_of(name: str, folder: str) -> RunConfig:
    if name in PRESETS:
        return with_settings(resolve(dataset=name), {"manual_dir": folder} if folder else {}, "")
    pattern = {"pattern": f"{name}/{{character}}/{{}}_{{drawer}}.png"}
    return with_settings(resolve(dataset=folder), OWN.get(name, pattern), "")


def changed(config: RunConfig, change: str) -> RunConfig:
    """The settings with one other value; of the generator, where it has such a setting."""
    key, _, text = change.partition("=")
    settings = {key: yaml.safe_load(text)}
    return with_settings(config, {"generator": settings} if hasattr(config.generator, key) else settings, "")


def train(config: RunConfig, run_dir: Path) -> float:
    """Train and report a run, unless that was done; return the seconds of the whole, 0 if it was there."""
    from gcn_tf.evaluation.report import finished_report, write_report
    from gcn_tf.runs.run_dir import write_run
    from gcn_tf.synthesis.saved_model import export_model
    from gcn_tf.training.fit import fit
    from gcn_tf.training.prepare import prepare

    since = time.perf_counter()
    if (run_dir / "config.yaml").exists() and finished_report(run_dir, config):
        return 0.0
    prepared = prepare(config)
    write_run(prepared.config, prepared.split.dataset.space, run_dir)
    run = prepared.run(run_dir, fit(prepared, run_dir))
    export_model(run, run_dir / "model")
    write_report(run, prepared.split)
    return time.perf_counter() - since


def row(name: str, scores: dict[str, dict[str, float]]) -> str:
    """A line of the table: PSNR, SSIM, sharpness, and all factors by both judges."""

    def value(metric: str, digits: int) -> str:
        found = scores.get(metric)
        number = found.get("value") if isinstance(found, dict) else found
        return "-" if number is None else f"{number:.{digits}f}"

    judges = [name for name in scores if name.startswith("all_factors_accuracy/")]
    cells = [value("psnr_db", 2), value("ssim", 3), value("sharpness", 2), *(value(j, 3) for j in judges)]
    return f"| {name} | {' | '.join(cells)} |"


def main(out: Path, grids: list[str], changes: list[str]) -> None:
    import_tensorflow()
    from gcn_tf.evaluation.report import read_report
    from gcn_tf.planning.plan import make_plan
    from gcn_tf.runs.run_dir import read_run_config

    print("| grid, unseen cells | PSNR | SSIM | sharpness | convolutional judge | HOG judge |")
    print("|---|---|---|---|---|---|", flush=True)
    for grid in grids:
        name, _, folder = grid.partition("=")
        config = settings_of(name, folder)
        ways = {"preset": config} if name in PRESETS and not changes else {}
        if (out / f"{name}-plan" / "config.yaml").exists():  # as it was planned then
            ways["plan"] = read_run_config(out / f"{name}-plan")
        else:
            ways["plan"] = make_plan(config, ("holdout",) if name in PRESETS else ()).config
        ways |= {change: changed(ways["plan"], change) for change in changes}
        for way, chosen in ways.items():
            run_dir = out / f"{name}-{way}"
            seconds = train(chosen, run_dir)
            report = read_report(run_dir)
            for group, scores in report["scores"].items():
                if group != "seen":
                    print(row(f"{name}, {way}, {group}, {seconds:.0f} s", scores), flush=True)
        for baseline, found in report["baselines"].items() if not changes else ():
            for group, scores in found["scores"].items():
                print(row(f"{name}, {baseline}, {group}", scores), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("grids", nargs="+")
    parser.add_argument("--with", dest="changes", action="append", default=[])
    given = parser.parse_args()
    main(given.out, given.grids, given.changes)
