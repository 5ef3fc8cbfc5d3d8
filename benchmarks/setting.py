"""What plain Keras and tlkit are both given: a backbone, and the images of the sample."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tlkit

RAKUTEN = Path(__file__).parents[1] / "examples" / "rakuten"
sys.path.insert(0, str(RAKUTEN))

from challenge import read_challenge  # noqa: E402


class Setting:
    """A backbone and images at its size.

    Args:
        options: The command line, with what `add_options` adds.
        train: Images to train on; those of the sample where None.
        validation: Images to validate on.
    """

    def __init__(self, options: Namespace, train: Any = None, validation: Any = None) -> None:
        self.backbone, self.size = options.backbone, options.size
        self.weights = None if options.weights == "none" else options.weights
        if train is None:
            train, validation = read_challenge(RAKUTEN / "sample").split(0.2, seed=0)
        self.train, self.validation = train, validation

    def build(self) -> Any:
        """Return the backbone, a model from images to feature maps."""
        return tlkit.build_backbone(self.backbone, image_size=self.size, weights=self.weights)

    def trainer(self, stage: tlkit.Stage, cache: Path, **settings: Any) -> tlkit.StagedTrainer:
        """Return a trainer of one stage on this backbone."""
        return tlkit.StagedTrainer(
            self.backbone,
            stages=[stage],
            image_size=self.size,
            weights=self.weights,
            cache=cache,
            **settings,
        )

    def fit(self, stage: tlkit.Stage, cache: Path, **settings: Any) -> Any:
        """Train one stage as a process of its own would, and return the result."""
        keras.utils.clear_session()
        trainer = self.trainer(stage, cache, **settings)
        return trainer.fit(self.train, self.validation, verbose=0)

    @cached_property
    def pixels(self) -> list[np.ndarray]:
        """Decoded images of both sets; plain Keras gets them for nothing."""
        return [d.load(np.arange(len(d)), self.size) for d in (self.train, self.validation)]

    @cached_property
    def everything(self) -> np.ndarray:
        """All of them, as an engine gets them."""
        return np.concatenate(self.pixels)


def add_options(parser: ArgumentParser) -> None:
    """Let the command line choose the backbone."""
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--weights", default="imagenet", help="'none' for random ones")
