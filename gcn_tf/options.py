"""What each command takes: a dataclass per command, whose fields are its flags and whose docstrings are its help."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Fixed, Positional, Suppress, UseAppendAction, arg

from gcn_tf.augmentation.config import AugmentationConfig
from gcn_tf.config.schema import ClassifierConfig, DataConfig, GeneratorConfig, RunConfig
from gcn_tf.tuning.config import SearchConfig

Debug = Annotated[bool, arg(help="Show the traceback of an error.")]


@dataclass
class Train(RunConfig):
    """Train a run, export its SavedModel and write its report.

    Example: gcn-tf train --dataset qmnist --manual-dir ~/qmnist --holdout 'digit=7 writer=115 rotation=180'
    """

    holdout: UseAppendAction[tuple[str, ...]] = ()
    """Unseen cells: protocols by name (low-level, high-level, high-level=8, paper-digits, paper-faces,
    none), a random share (fraction=0.2) or rules such as 'digit=7 writer=9 rotation=180'; repeatable; default: low-level."""
    generator: Suppress[Fixed[GeneratorConfig]] = field(default_factory=GeneratorConfig)
    classifier: Suppress[Fixed[ClassifierConfig]] = field(default_factory=ClassifierConfig)

    config: Path | None = None
    """YAML file with settings; its keys are these flags, and the layers of both networks."""
    run_dir: Path | None = None
    """Folder of the run; default: runs/DATASET-DATE-TIME."""
    resume: Path | None = None
    """Go on with this run from its newest checkpoint, under the same settings."""
    dry_run: bool = False
    """Check everything, train a few steps, print shapes, parameters, memory and time to expect, and write nothing."""
    debug: Debug = False


@dataclass
class Evaluate:
    """Score a run with two independent judges, seen and unseen cells apart, and write its report.

    Example: gcn-tf evaluate runs/demo
    """

    run: Positional[Path]
    """Folder that train wrote."""
    checkpoint: Literal["newest", "best"] = "newest"
    """best: the one whose unseen cells scored best during training."""
    debug: Debug = False


@dataclass
class Generate:
    """Draw cells, grids and blends of a run into one PNG.

    Example: gcn-tf generate runs/demo digit='*' writer=3:0.5+8:0.5 color=red rotation=0
    """

    run: Positional[Path]
    """Folder that train wrote."""
    factors: Positional[tuple[str, ...]]
    """One word per factor: digit=7, several digit=3,8, all digit='*', or a blend writer=3:0.5+8:0.5."""
    out: Path | None = None
    """The PNG to write; default: in the run's folder generated/, named by the words."""
    zoom: int = 8
    """How many times every pixel is repeated."""
    checkpoint: Literal["newest", "best"] = "newest"
    """best: the one whose unseen cells scored best during training."""
    debug: Debug = False


@dataclass(kw_only=True)
class Augment(AugmentationConfig):
    """Write many pictures of a run, blends or unseen cells, as a labelled dataset to train on.

    The same command goes on after a stop, and does nothing when all is there.
    Example: gcn-tf augment runs/demo --blend writer --with color=red --ratio beta:0.4 --out blends
    """

    run: Positional[Path]
    """Folder that train wrote."""
    out: Path
    """Folder of the dataset."""
    shard: str = "1/1"
    """Do a share of the parts, so that many machines share the work: 3/16 is the third of sixteen."""
    debug: Debug = False


@dataclass
class Export:
    """Write the SavedModel of a run: ids or weights in, uint8 images out, and the classifier.

    Example: gcn-tf export runs/demo --out digits_model
    """

    run: Positional[Path]
    """Folder that train wrote."""
    out: Path | None = None
    """Folder of the SavedModel; default: model/ in the run."""
    checkpoint: Literal["newest", "best"] = "newest"
    """best: the one whose unseen cells scored best during training."""
    debug: Debug = False


@dataclass
class Study(DataConfig):
    """Compare methods over several seeds: what does cooperation buy, do drawn pictures teach a classifier anything?

    Example: gcn-tf study augmentation --dataset qmnist --manual-dir ~/qmnist
    """

    experiment: Positional[Literal["cooperation", "weights", "settings", "augmentation"]] = "cooperation"
    """cooperation: no classifier, every regime with and without imagined cells, two baselines, the preset and the
    preset without each of its parts. weights: the paper's loss weights and activations. settings: the preset against
    the settings of --config, such as the best of a search. augmentation: classifiers that learn from few real pictures
    of --writers or --persons, as they are, augmented conventionally, and with pictures drawn by a GCN that saw no more."""
    preset: str = ""
    """Preset that all methods start from; empty: the one of the dataset."""
    config: Path | None = None
    """settings: YAML file to compare with the preset; data, hold-out, seed and steps are the file's."""
    steps: int = RunConfig.steps
    """Training steps of every generator."""
    seeds: int | None = None
    """How many; default: 3 for cooperation and weights, 5 for settings and augmentation."""
    seed: int = 0
    """The first seed."""
    counts: tuple[int, ...] = ()
    """augmentation: real pictures per class and writer or person to try; default: 1 2 5 10, for faces 1 3."""
    downstream_steps: int = 500
    """augmentation: steps of a classifier's round; a second round follows."""
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Trainings side by side, one thread each; default: one per core."""
    quick: bool = False
    """Few seeds and steps, to see that everything works; its figures mean little."""
    out: Path | None = None
    """Folder of the study, gone on with if it is there; default: studies/EXPERIMENT-DATASET."""
    debug: Debug = False


@dataclass
class Tune(SearchConfig):
    """Search for loss weights, activations, optimizer, widths and regime; write best.yaml for train --config.

    The flags of train say what the search begins with. It goes on after a stop or a kill.
    Example: gcn-tf tune --dataset qmnist --manual-dir ~/qmnist --trials 30 --strategy hyperband
    """

    holdout: UseAppendAction[tuple[str, ...]] = ()
    """Unseen cells that are kept for the test, as train takes them; default: those of the preset."""
    validation: UseAppendAction[tuple[str, ...]] = ()
    """Hold-out that trials are scored on, its cells disjoint from those of --holdout; default: the same protocols."""
    generator: Suppress[Fixed[GeneratorConfig]] = field(default_factory=GeneratorConfig)
    classifier: Suppress[Fixed[ClassifierConfig]] = field(default_factory=ClassifierConfig)
    given: Suppress[Fixed[tuple[str, ...]]] = ()

    config: Path | None = None
    """YAML file with the settings that the search begins with."""
    debug: Debug = False


@dataclass
class Datasets(DataConfig):
    """List the datasets, or draw a contact sheet of one with its unseen cells framed.

    Settings that are not given are those of the preset of the same name.
    Example: gcn-tf datasets glyphs --writers 20 --out glyphs.png
    """

    dataset: Positional[str] = ""
    """Dataset by name; without one they are listed."""
    holdout: UseAppendAction[tuple[str, ...]] = ()
    """Unseen cells, as train takes them; default: those of the preset."""
    seed: int = 0
    """Seed of the hold-out."""
    write_kdef: Path | None = None
    """faces: write the drawn persons, all seven emotions, as files in KDEF's layout and size into this folder."""
    out: Path | None = None
    """The PNG to write; default: NAME.png."""
    debug: Debug = False
