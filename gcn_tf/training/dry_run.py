"""`gcn-tf train --dry-run`: check everything, train a few steps, write nothing."""

import resource
import sys
from pathlib import Path

from gcn_tf.model.size import least_bytes
from gcn_tf.progress import duration
from gcn_tf.runs.checkpoints import CheckpointStore
from gcn_tf.training.fit import learn_before_training
from gcn_tf.training.prepare import Prepared
from gcn_tf.training.speed import TIMED_STEPS, seconds_per_step


def describe_run(prepared: Prepared) -> str:
    """Train a few steps; return lines with the shapes, parameters, memory and time to expect of the training."""
    config, split = prepared.config, prepared.split
    space, side = split.dataset.space, split.dataset.image_shape
    model = prepared.build()
    learn_before_training(model, prepared)
    store = CheckpointStore(model, Path("checkpoints"))
    step = seconds_per_step(prepared, model)
    steps = config.main_steps
    groups = ", ".join(f"{len(rows)} {name}" for name, rows in split.groups().items())
    inputs = ", ".join(f"{name} ({config.batch_size},)" for name in space.names)
    codes = ", ".join(f"{name} {size}" for name, size in space.sizes.items())
    heads = ", ".join(f"{name} {logits.shape[-1]}" for name, logits in model.classifier.output.items())
    shape = "x".join(map(str, side))
    return "\n".join(
        [
            f"dataset      {config.dataset}: {len(split.ids)} cells {shape}: {groups}",
            f"a batch      int32 {inputs}; images float32 ({config.batch_size}, {', '.join(map(str, side))})",
            f"generator    {codes} -> {shape}; {model.generator.count_params():,} parameters",
            f"classifier   {shape} -> {heads}; {model.classifier.count_params():,} parameters",
            f"precision    {config.precision}",
            f"time         {step:.3g} s a step (median of {TIMED_STEPS}), {steps} steps: about {duration(step * steps)}; the "
            f"{config.last_steps} of the classifier alone, the report, and at first the judges, take more",
            f"memory       {_peak_gib():.1f} GiB so far; at least {least_bytes(model, config.batch_size) / 2**30:.1f} for networks and batch",
            f"disk         checkpoints at most {store.largest_size / 1e6:.0f} MB",
        ]
    )


def _peak_gib() -> float:
    """Peak memory of this process in GiB; Linux counts in KiB, macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
