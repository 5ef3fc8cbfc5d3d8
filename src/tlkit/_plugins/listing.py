"""A listing of what plugins give, that reads as a table with what is wrong with them under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar, Generic, Self

from tlkit._plugins.discovery import Discovery
from tlkit._plugins.group import Spec


@dataclass(frozen=True)
class Column(Generic[Spec]):
    """A column of a listing.

    Args:
        header: What stands above it.
        cell: Returns the text for a spec.
        is_number: Whether it is set to the right.
    """

    header: str
    cell: Callable[[Spec], str]
    is_number: bool = False


class SpecList(tuple[Spec, ...]):
    """Specs: a tuple that prints as a table.

    Under the table stand the plugins that could not be used, and why, those that were slow to
    load, and those that share a name. A subclass says which columns there are.

    Args:
        specs: The specs, in order.
        discovery: What there is to say of the plugins.
    """

    # Each of the kind of spec that the subclass holds, which a class variable cannot say.
    columns: ClassVar[Sequence[Column[Any]]]
    # What to do about two plugins of a name; ``{first}`` is one of their distributions.
    way_out: ClassVar[str]
    discovery: Discovery[Spec]

    def __new__(cls, specs: Iterable[Spec], discovery: Discovery[Spec] | None = None) -> Self:
        """Keep what there is to say of the plugins next to the specs."""
        self = super().__new__(cls, specs)
        self.discovery = Discovery() if discovery is None else discovery
        return self

    def __repr__(self) -> str:
        rows = [[column.header for column in self.columns], *self._rows()]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = [self._line(row, widths) for row in rows]
        return "\n".join([*lines, *self.notes()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(column.header)}</th>" for column in self.columns)
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
                + self.way_out.format(first=rivals[0])
                for name, rivals in found.rivals.items()
            ),
        ]

    def _rows(self) -> list[list[str]]:
        return [[column.cell(spec) for column in self.columns] for spec in self]

    def _line(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = [
            text.rjust(width) if column.is_number else text.ljust(width)
            for text, width, column in zip(row, widths, self.columns, strict=True)
        ]
        return "  ".join(cells).rstrip()
