"""KerasTuner over loss weights, activations, optimizer, widths and the regime of cooperation: `gcn-tf tune`."""
