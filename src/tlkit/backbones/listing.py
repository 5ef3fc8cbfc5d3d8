"""A listing of backbones that reads as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from html import escape
from typing import Any

from tlkit.backbones.plugins import Discovery
from tlkit.backbones.spec import BackboneSpec

# Header, text of a cell, and whether the column is of numbers.
_COLUMNS: tuple[tuple[str, Callable[[BackboneSpec], str], bool], ...] = (
    ("name", lambda spec: spec.name, False),
    ("family", lambda spec: spec.family, False),
    ("pixels", lambda spec: str(spec.default_size), True),
    ("least", lambda spec: str(spec.min_size), True),
    ("features", lambda spec: str(spec.feature_count), True),
    ("parameters", lambda spec: f"{spec.parameters:,}", True),
    ("top-1", lambda spec: "" if spec.top1 is None else f"{spec.top1:.3f}", True),
    ("input", lambda spec: spec.preprocessing, False),
    ("weights", lambda spec: ", ".join(spec.weights), False),
    ("licence", lambda spec: spec.weights_license, False),
    ("distribution", lambda spec: spec.distribution, False),
)


class BackboneList(tuple[BackboneSpec, ...]):
    """Backbones: a tuple of `BackboneSpec` that prints as a table.

    Under the table stand the plugins that could not be used, and why, those that were slow to
    load, and those that share a name.

    Args:
        specs: The backbones, in order.
        discovery: What there is to say of the plugins.
    """

    discovery: Discovery

    def __new__(
        cls, specs: Iterable[BackboneSpec], discovery: Discovery | None = None
    ) -> BackboneList:
        """Keep what there is to say of the plugins next to the specs."""
        self = super().__new__(cls, specs)
        self.discovery = Discovery() if discovery is None else discovery
        return self

    def __repr__(self) -> str:
        rows = [[header for header, _, _ in _COLUMNS], *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [_line(row, widths) for row in rows]
        return "\n".join([*lines, *self.notes()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(header)}</th>" for header, _, _ in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def notes(self) -> list[str]:
        """Return a line for each plugin that is broken, slow or shares its name."""
        found = self.discovery
        return [
            *(f"Not loaded: {failure}" for failure in found.failures),
            *(f"Slow: {slow}" for slow in found.slow),
            *(
                f"Two of a name: plugin {name!r} is in {' and in '.join(map(repr, rivals))}. "
                f"Ask for a backbone of one of them as '{rivals[0]}:NAME'."
                for name, rivals in found.rivals.items()
            ),
        ]

    def to_dataframe(self) -> Any:
        """Return a pandas.DataFrame with a row for each backbone and a column for each fact.

        Returns:
            The fields of `BackboneSpec` but ``build``, indexed by name.
        """
        import pandas as pd

        names = [each.name for each in fields(BackboneSpec) if each.name != "build"]
        rows = [{name: getattr(spec, name) for name in names} for spec in self]
        return pd.DataFrame(rows, columns=names).set_index("name")

    def _rows(self) -> list[list[str]]:
        return [[cell(spec) for _, cell, _ in _COLUMNS] for spec in self]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.rjust(width) if is_number else text.ljust(width)
        for text, width, (_, _, is_number) in zip(row, widths, _COLUMNS, strict=True)
    ]
    return "  ".join(cells).rstrip()
