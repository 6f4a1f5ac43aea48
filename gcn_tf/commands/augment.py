"""`gcn-tf augment`: write many pictures of a run as a dataset."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from gcn_tf.augmentation.config import AugmentationConfig, check_augmentation_config, parse_shard
from gcn_tf.commands import flags
from gcn_tf.commands.flags import Debug, place
from gcn_tf.errors import ConfigError
from gcn_tf.interrupts import exit_code
from gcn_tf.quiet import import_tensorflow

HELP = """Write many pictures of a run as a labelled dataset to train on: blends, unseen cells, or real pictures and moved copies of them.

The same command continues after a stop or a kill, makes missing and cut files again, and does nothing if the dataset
is complete. With --verify it reads every file, and makes changed ones again as well. `gcn-tf augment --verify FOLDER` needs no
run: it says which shards of a dataset are missing or damaged, and completes one that several processes wrote.

For the run's own pictures, moved: gcn-tf augment runs/alphabet --for character --copies 20 --out fuller
For few pictures of new classes: gcn-tf augment runs/alphabet --few ~/few --for character --copies 20 --out many

Example: gcn-tf augment runs/demo --blend writer --with color=red --ratio beta:0.4 --out blends
"""


@dataclass(frozen=True, kw_only=True)
class Augment(AugmentationConfig):
    """Options of `augment`."""

    run: Positional[Path]
    """Folder that train wrote; with --verify and without --out, the folder of the dataset."""
    out: Annotated[Path | None, place("")] = None
    """Folder of the dataset."""
    shard: str = "1/1"
    """Write only a share of the parts, so that many machines can divide the work: 3/16 is the third of sixteen; auto/16 takes its number from
    Slurm or Kubernetes, and auto the count of Slurm's array as well."""
    verify: bool = False
    """Read every file that was written, and make parts again whose SHA-256 differs; without this flag, only those whose
    files are missing or have another size."""
    debug: Debug = False


OWN_FLAGS = (Augment,)


def parse(words: Sequence[str]) -> Augment:
    """Flags as options; raises UserError for words that `augment` does not take."""
    return flags.parse(Augment, words, "augment", HELP)


def run(options: Augment) -> None:
    """Write the dataset, or continue it, or verify it."""
    config = AugmentationConfig(
        **{entry.name: getattr(options, entry.name) for entry in fields(AugmentationConfig)}
    )
    if options.out is None:
        _verify(options, config)
        return
    check_augmentation_config(config)
    parse_shard(options.shard)
    import_tensorflow()
    from gcn_tf.augmentation.augment import augment

    try:
        augment(options.run, options.out, config, options.shard, verify=options.verify)
    except KeyboardInterrupt as stop:
        print(f"gcn-tf: stopped; the same command continues {options.out}", file=sys.stderr)
        raise SystemExit(exit_code(stop)) from None


def _verify(options: Augment, config: AugmentationConfig) -> None:
    """Verify a dataset without its run; raises ConfigError when something else was wanted."""
    if not options.verify or config != AugmentationConfig() or options.shard != Augment.shard:
        raise ConfigError(
            "--out is missing: name the folder of the dataset; to check one, gcn-tf augment --verify FOLDER without other flags"
        )
    import_tensorflow()
    from gcn_tf.augmentation.verify import verify_set

    verify_set(options.run)
