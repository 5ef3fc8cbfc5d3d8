"""Published ways to fine-tune, each as a tuple of stages.

A recipe is data like any other stages: print it, edit it with ``dataclasses.replace``, give it to a
`tlkit.StagedTrainer`. What a recipe does not name can be set for all of its stages at once, for
example ``batch_size=64`` or ``augmentation=tlkit.Augmentation()``.

::

    tlkit.StagedTrainer("xception", stages=tlkit.recipes.linear_probe_then_fine_tune())
"""

from tlkit.training.recipes import (
    discriminative,
    gradual_unfreezing,
    linear_probe_then_fine_tune,
    study,
)

__all__ = ["discriminative", "gradual_unfreezing", "linear_probe_then_fine_tune", "study"]
