"""How good the classifier of a run is on real pictures that it never learned from, to be read beside the judges' figures."""

from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import softmax

from gcn_tf.evaluation.judge import JudgePictures
from gcn_tf.metrics.calibration import expected_calibration_error
from gcn_tf.metrics.pictures import factor_accuracy
from gcn_tf.model.gcn import GCN
from gcn_tf.pipelines.batches import pixels
from gcn_tf.pipelines.split import Split

CHUNK = 256


def score_classifier(model: GCN, split: Split, pictures: JudgePictures) -> dict[str, Any]:
    """Accuracy and calibration of a run's classifier on held-out real pictures, as report.json holds them.

    These are other pictures of the same cells, where the dataset has some, and else those of the run's unseen cells.

    Returns:
        "accuracy", "calibration_error" and "temperature" by factor name, "pictures", their number, and "of", what they are; an empty
        dict where there are none.
    """
    if len(pictures.repeats[0]):
        of, (images, ids) = "other pictures of the same cells", pictures.held_out
    else:
        rows = split.rows(unseen=True)
        of, images, ids = "unseen cells", pixels(split, rows), split.ids[rows]
    if not len(ids):
        return {}
    logits = classifier_logits(model, images)
    true = split.dataset.space.by_name(ids)
    errors = {
        name: expected_calibration_error(softmax(values, axis=1), true[name])
        for name, values in logits.items()
    }
    return {
        "accuracy": factor_accuracy({name: v.argmax(axis=1) for name, v in logits.items()}, true),
        "calibration_error": errors,
        "temperature": {name: float(value) for name, value in model.temperatures.items()},
        "pictures": len(ids),
        "of": of,
    }


def classifier_logits(model: GCN, images: np.ndarray) -> dict[str, np.ndarray]:
    """Logits of a run's classifier: uint8 (B, H, W, C), B at least 1 -> float32 (B, K_f) by factor name."""

    @tf.function(reduce_retracing=True, autograph=False)
    def classify(part: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.classify(tf.cast(part, tf.float32) / 255.0)

    parts = [classify(tf.constant(images[n : n + CHUNK])) for n in range(0, len(images), CHUNK)]
    return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
