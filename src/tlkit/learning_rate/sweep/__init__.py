"""Training through rising rates, after which the model is as it was."""
