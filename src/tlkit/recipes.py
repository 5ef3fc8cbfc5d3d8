"""Well-known ways to fine-tune, each as a tuple of stages; see `tlkit.training.recipes`."""

from tlkit.training.recipes import (
    discriminative,
    gradual_unfreezing,
    linear_probe_then_fine_tune,
    study,
)

__all__ = ["discriminative", "gradual_unfreezing", "linear_probe_then_fine_tune", "study"]
