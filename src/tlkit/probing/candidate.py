"""A backbone that might be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from tlkit._keras.types import Model
from tlkit._printing import code_of, one_line
from tlkit.backbones.build import Backbone, ImageSize
from tlkit.backbones.spec import BackboneSpec


class BackboneArguments(TypedDict):
    """What `tlkit.probe`, `tlkit.extract` and `tlkit.StagedTrainer` ask of a backbone."""

    backbone: Backbone
    image_size: ImageSize | None
    weights: str | Path | None
    preprocessing: str


@dataclass(frozen=True, repr=False)
class Candidate:
    """A backbone with its settings, as `tlkit.rank_backbones` takes it.

    Args:
        backbone: A name, a `BackboneSpec`, or a function that returns a keras.Model.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: Of the backbone, as for `tlkit.build_backbone`; None for random ones, which show
            what the network's shape alone is worth.
        preprocessing: As for `tlkit.build_backbone`.

    Example:
        >>> print(Candidate("mobilenet_v2", 96, weights=None))
        mobilenet_v2 96 px, random weights
    """

    backbone: Backbone
    image_size: ImageSize | None = None
    weights: str | Path | None = "imagenet"
    preprocessing: str = "auto"

    @property
    def arguments(self) -> BackboneArguments:
        """The settings by name: ``tlkit.probe(data=data, **candidate.arguments)``."""
        return {
            "backbone": self.backbone,
            "image_size": self.image_size,
            "weights": self.weights,
            "preprocessing": self.preprocessing,
        }

    def __repr__(self) -> str:
        arguments = code_of(self, written={"backbone": repr(self._name)})
        return one_line(f"Candidate({', '.join(arguments.values())})")

    def __str__(self) -> str:
        return ", ".join([" ".join([self._name, *self._size]), *self._other])

    @property
    def _name(self) -> str:
        given = self.backbone
        if isinstance(given, str):
            return given
        if isinstance(given, BackboneSpec):
            return given.name
        return getattr(given, "__name__", type(given).__name__)

    @property
    def _size(self) -> Iterator[str]:
        if self.image_size is not None:
            sides = (
                self.image_size if isinstance(self.image_size, (tuple, list)) else [self.image_size]
            )
            yield f"{' x '.join(map(str, sides))} px"

    @property
    def _other(self) -> Iterator[str]:
        if self.preprocessing != "auto":
            yield self.preprocessing
        if self.weights is None:
            yield "random weights"
        elif self.weights != "imagenet":
            yield Path(self.weights).name


Given = str | BackboneSpec | Callable[[], Model] | tuple[Backbone, ImageSize] | Candidate
