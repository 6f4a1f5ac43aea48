"""Build the API page from the docstrings: `python docs/api/build.py [FOLDER]`, by default build/api. A warning is an error.

pdoc, because it reads docstrings as they are, needs no page of its own per module, and has one dependency worth naming (Jinja2).
"""

import sys
import warnings
from pathlib import Path

import pdoc
import pdoc.render

from gcn_tf.quiet import import_tensorflow

MODULES = (
    "gcn_tf.api",
    "gcn_tf.config.data",
    "gcn_tf.config.files",
    "gcn_tf.config.networks",
    "gcn_tf.config.schema",
    "gcn_tf.grid.factors",
    "gcn_tf.grid.holdout",
    "gcn_tf.metrics.intervals",
    "gcn_tf.metrics.pictures",
    "gcn_tf.metrics.sets",
    "gcn_tf.pipelines.dataset",
    "gcn_tf.pipelines.split",
    "gcn_tf.pipelines.variations",
    "gcn_tf.model.gcn",
    "gcn_tf.model.objective",
    "gcn_tf.runs.run_dir",
    "gcn_tf.synthesis.draw",
    "gcn_tf.synthesis.saved_model",
    "gcn_tf.training.prepare",
    "gcn_tf.training.fit",
    "gcn_tf.evaluation.report",
    "gcn_tf.augmentation.training_input",
    "gcn_tf.studies.comparison.methods",
)
ROOT = Path(__file__).parents[2]


def build(folder: Path) -> list[str]:
    """Write the pages; returns the warnings."""
    import_tensorflow()
    pdoc.render.configure(docformat="google", footer_text="gcn-tf", search=True)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", UserWarning)
        pdoc.pdoc(*MODULES, output_directory=folder)
    return [str(warning.message) for warning in found if issubclass(warning.category, UserWarning)]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "api"
    said = build(target)
    for line in said:
        print(f"warning: {line}", file=sys.stderr)
    print(f"look at: {target / 'index.html'}")
    raise SystemExit(1 if said else 0)
