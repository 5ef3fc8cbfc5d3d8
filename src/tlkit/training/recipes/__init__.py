"""Ways to fine-tune, each as a tuple of stages; `tlkit.recipes` shows them.

`default` is tlkit's own, `published` and `big_transfer` hold those of papers, `libraries` those
of other libraries: a new one is a function there, and a name here and in `tlkit.recipes`.
"""

from tlkit.training.recipes.big_transfer import bit_hyperrule
from tlkit.training.recipes.default import default
from tlkit.training.recipes.libraries import fastai, keras_guide, lightning
from tlkit.training.recipes.published import (
    discriminative,
    gradual_unfreezing,
    linear_probe_then_fine_tune,
    study,
)

__all__ = [
    "bit_hyperrule",
    "default",
    "discriminative",
    "fastai",
    "gradual_unfreezing",
    "keras_guide",
    "lightning",
    "linear_probe_then_fine_tune",
    "study",
]
