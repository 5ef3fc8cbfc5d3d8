"""What a model says of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tlkit._printing import Printed, one_line

# Before the name of a label: the column of its probability.
EACH = "probability_"


@dataclass(frozen=True, repr=False)
class Prediction(Printed):
    """What a model says of one picture.

    Args:
        image: The picture's name: its path as given, or below the folder that was given.
        labels: Class names, the most probable first; of a model of any number of labels those that
            the picture is given. Empty where the picture cannot be read.
        probabilities: Of these classes, 0..1.
        error: Why the picture cannot be read, or empty.
        by_class: Of a model of any number of labels, the probability of each; else empty.
    """

    image: str
    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str = ""
    by_class: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """The most probable class; None where the picture cannot be read, or is given no label."""
        return self.labels[0] if self.labels else None

    @property
    def probability(self) -> float | None:
        """How probable it is, 0..1; None where there is none."""
        return self.probabilities[0] if self.probabilities else None

    def __repr__(self) -> str:
        told = f"{self.label!r} {self.probability:.3f}" if self.labels else ""
        if self.by_class:
            told = f"{list(self.labels)}"
        return one_line(f"Prediction({self.image!r}, {self.error or told})")

    def __str__(self) -> str:
        if self.error:
            return f"{self.image}: {self.error}"
        pairs = zip(self.labels, self.probabilities, strict=True)
        return f"{self.image}: {', '.join(f'{name} {x:.3f}' for name, x in pairs) or 'no label'}"

    def as_dict(self) -> dict[str, Any]:
        """Return the row for a table: image, label, probability, label_2, ..., error.

        Of a model of any number of labels: image, labels parted by commas, the probability of each
        as ``probability_<label>``, error.
        """
        if self.by_class:
            each = {f"{EACH}{name}": value for name, value in self.by_class.items()}
            return {"image": self.image, "labels": ", ".join(self.labels), **each, "error": ""}
        row: dict[str, Any] = {"image": self.image, "label": self.label or ""}
        row["probability"] = self.probability
        pairs = zip(self.labels[1:], self.probabilities[1:], strict=True)
        for place, (label, probability) in enumerate(pairs, 2):
            row |= {f"label_{place}": label, f"probability_{place}": probability}
        return {**row, "error": self.error}
