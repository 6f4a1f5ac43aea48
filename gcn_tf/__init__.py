"""Generative Cooperative Nets in Keras: learn a grid of image factors, draw the cells nobody photographed.

The names of `gcn_tf.api` are imported when they are used, so `import gcn_tf` takes no time and loads no TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcn_tf.api import (
        ArrayDataset,
        Run,
        dataset_from_arrays,
        dataset_from_tf_data,
        dataset_from_tfds,
        open_run,
        resume,
        train,
        transfer,
    )

__version__ = "0.1.0"
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


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("gcn_tf.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
