"""From Python: train on arrays or on a folder, generate, report. `import gcn_tf` hands these names on.

Example, a run of your own pictures, without a command line and without a folder:

    import gcn_tf

    data = gcn_tf.dataset_from_arrays(images, {"person": persons, "gesture": gestures})
    run = gcn_tf.train(data, holdout="fraction=0.1")
    run.generate(person="anna", gesture="5")  # uint8 (H, W, C)
    run.report()["unseen high-level"]["psnr_db"]
"""

from gcn_tf.api.arrays import (
    ArrayDataset,
    dataset_from_arrays,
    dataset_from_tf_data,
    dataset_from_tfds,
)
from gcn_tf.api.run import Run, open_run, resume, train
from gcn_tf.api.transfer_pictures import transfer

__all__ = [
    "ArrayDataset",
    "Run",
    "dataset_from_arrays",
    "dataset_from_tf_data",
    "dataset_from_tfds",
    "open_run",
    "resume",
    "train",
    "transfer",
]
