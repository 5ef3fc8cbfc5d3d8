"""Ways to fine-tune, published ones and tlkit's default, each as a tuple of stages.

A recipe is data like any other stages: print it, edit it with ``dataclasses.replace``, give it to a
`tlkit.StagedTrainer`. What a recipe does not name can be set for all of its stages at once, for
example ``batch_size=64`` or ``augmentation=tlkit.Augmentation()``.

::

    tlkit.StagedTrainer("xception", stages=tlkit.recipes.linear_probe_then_fine_tune())
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
