"""What is known of a preset without loading it: found out once, kept as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tlkit.backbones.spec import PREPROCESSING

LAYOUTS = ("flat", "whole")
Channels = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a preset's backbone is and how it is put into a model.

    Args:
        family: For example ``"ResNet"``.
        preprocessing: A mode of `tlkit.BackboneSpec`; ``"raw"`` where ``scale`` and ``offset`` do
            it, or the network itself.
        scale: What each channel of a raw image is multiplied with, or None.
        offset: What is then added, or None; both or none are given.
        default_size: Side in pixels.
        min_size: Smallest side in pixels.
        fixed_size: (height, width) where the weights are tied to one size, else None.
        square: Whether only square images go through.
        feature_count: Channels that come out.
        parameters: Weights of the backbone.
        layout: ``"flat"``, layer by layer, or ``"whole"``, as a single layer.
        own_layers: Classes that Keras does not ship, which a saved model needs to load.

    Raises:
        ValueError: A value is not what is described above; the message names it.
    """

    family: str
    preprocessing: str
    scale: Channels | None
    offset: Channels | None
    default_size: int
    min_size: int
    fixed_size: tuple[int, int] | None
    square: bool
    feature_count: int
    parameters: int
    layout: str
    own_layers: tuple[str, ...]

    def __post_init__(self) -> None:
        checks = {
            "family": isinstance(self.family, str),
            "preprocessing": self.preprocessing in PREPROCESSING,
            "scale": self.scale is None or _are_floats(self.scale),
            "offset": (self.offset is None) == (self.scale is None)
            and (self.offset is None or _are_floats(self.offset)),
            "fixed_size": self.fixed_size is None or _are_sides(self.fixed_size, 2),
            "square": isinstance(self.square, bool),
            "layout": self.layout in LAYOUTS,
            "own_layers": isinstance(self.own_layers, tuple)
            and all(isinstance(name, str) for name in self.own_layers),
        }
        for name in ("default_size", "min_size", "feature_count", "parameters"):
            checks[name] = _are_sides((getattr(self, name),), 1)
        checks["min_size"] = checks["min_size"] and self.min_size <= self.default_size
        for name, holds in checks.items():
            if not holds:
                raise ValueError(f"{name}={getattr(self, name)!r} is not a valid value")

    def to_json(self) -> dict[str, Any]:
        """Return a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Facts:
        """Return what `to_json` gave, read back.

        Raises:
            ValueError: It is something else.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(data, Mapping) or set(data) != names:
            raise ValueError(f"its facts are not {', '.join(sorted(names))}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        return cls(**values)


def _are_floats(values: object) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == 3
        and all(isinstance(value, float) and math.isfinite(value) for value in values)
    )


def _are_sides(values: object, count: int) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(type(value) is int and value > 0 for value in values)
    )
