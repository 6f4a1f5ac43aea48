"""Pixels and labels in, batches out: the datasets, their variations, and the tf.data graph."""
