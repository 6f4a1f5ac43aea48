"""Lower bounds of a training's memory: TensorFlow ends the process without a message when it runs out."""

import sys

import tensorflow as tf

from gcn_tf.config.schema import RunConfig
from gcn_tf.errors import UserError
from gcn_tf.machine import available_bytes
from gcn_tf.model.gcn import GCN
from gcn_tf.model.size import least_bytes

# Peak memory of `train --dry-run`, less what the process held before, over `least_bytes`: 3.0 to 3.1 (glyphs with batches
# of 512 and 2048, faces).
USUALLY = 3.1


def check_memory(model: GCN, config: RunConfig) -> None:
    """Raise UserError if a training's lower bound exceeds the available memory; warn if its usual need does."""
    least, there = least_bytes(model, config.batch_size), available_bytes()
    if there is None or USUALLY * least <= there or tf.config.list_physical_devices("GPU"):
        return
    needed = f"needs at least {least / 2**30:.1f} GiB of memory, usually {USUALLY * least / 2**30:.1f}"
    message = (
        f"--batch-size {config.batch_size} with these networks {needed}; {max(there, 0) / 2**30:.1f} are free: lower "
        "--batch-size, --image-size or the layers' widths"
    )
    if least > there:
        raise UserError(message)
    print(f"gcn-tf: {message}; otherwise the system may end the training without a message", file=sys.stderr)
