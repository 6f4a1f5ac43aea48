"""From datasets to batches: loading, variations, hold-out, and the tf.data graph."""
