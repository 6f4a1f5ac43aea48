"""What a result was made with: versions, machine and data."""

import importlib.metadata
import os
import platform
from typing import Any

from gcn_tf import __version__
from gcn_tf.machine import processor
from gcn_tf.pipelines.dataset import Dataset, data_sha256


def made_with(dataset: Dataset) -> dict[str, Any]:
    """Versions, machine and a hash of the data: what another result must share to be compared."""
    return {**versions_and_machine(), "data_sha256": data_sha256(dataset)}


def versions_and_machine() -> dict[str, Any]:
    """Versions of what computes, and what it computes on."""
    packages = ("tensorflow", "keras", "numpy", "scikit-image", "scikit-learn")
    return {
        "versions": {
            "gcn-tf": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()},
    }
