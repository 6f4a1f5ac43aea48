"""The model: a generator, a classifier and the objective that both are trained towards."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcn_tf.model.gcn import GCN

__all__ = ["GCN"]


def __getattr__(name: str) -> Any:
    """Import `GCN` on first use: it needs TensorFlow, which takes seconds and which settings do without."""
    if name == "GCN":
        from gcn_tf.model.gcn import GCN

        return GCN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
