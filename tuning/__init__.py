"""Search over loss weights, activations and widths."""
