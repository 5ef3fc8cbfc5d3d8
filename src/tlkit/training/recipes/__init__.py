"""Ways to fine-tune, each as a tuple of stages; `tlkit.recipes` shows them.

`default` is tlkit's own, `published` holds those of others: a new one is a function there, and a
name here and in `tlkit.recipes`.
"""

from tlkit.training.recipes.default import default
from tlkit.training.recipes.published import (
    discriminative,
    gradual_unfreezing,
    linear_probe_then_fine_tune,
    study,
)

__all__ = [
    "default",
    "discriminative",
    "gradual_unfreezing",
    "linear_probe_then_fine_tune",
    "study",
]
