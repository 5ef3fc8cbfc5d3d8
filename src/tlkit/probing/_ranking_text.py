"""A ranking in words: a table, and what there is to say under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tlkit.data.class_names import shown_names
from tlkit.probing.ranked import RankedBackbone, Unranked

HEADER = (
    *("", "backbone", "F1", "95 % interval", "group"),
    *("ms", "parameters", "features", "pictures"),
)
_LEFT = (1, 4)  # which columns are set to the left
_LETTERS = "abcdefghijkl"


def cells(
    rows: Sequence[RankedBackbone], groups: Sequence[Sequence[str]], pictures: int
) -> list[list[str]]:
    """Return a row of text for each backbone."""
    return [
        [
            str(number),
            row.name,
            f"{'' if row.behind is None else '~'}{row.estimate:.4f}",
            *_interval(row),
            "".join(_LETTERS[place] for place, group in enumerate(groups) if row.name in group),
            f"{row.cost.ms:.1f}",
            f"{row.cost.parameters / 1e6:.1f} M",
            _size(row.cost.feature_bytes * pictures),
            f"{len(row.evaluation):,}",
        ]
        for number, row in enumerate(rows, 1)
    ]


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines, their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        told = (
            cell.ljust(width) if place in _LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(told).rstrip()


def on_the_best(best: RankedBackbone, group: Sequence[RankedBackbone]) -> Iterator[str]:
    """Yield what to take."""
    yield f"best: {best.name}"
    others = [row for row in group if row is not best]
    if others:
        fastest = min(group, key=lambda row: row.cost.ms)
        told = (
            "none of them is faster"
            if fastest is best
            else f"the fastest of them is {fastest.name}, {fastest.cost.ms:.1f} ms instead of "
            f"{best.cost.ms:.1f}"
        )
        yield (f"not claimed to be worse: {', '.join(row.name for row in others)}; {told}")


def on_the_table(rows: Sequence[RankedBackbone], pictures: int) -> Iterator[str]:
    """Yield what its columns mean, where that is no plain figure."""
    yield "group: no difference can be claimed between backbones that share a letter"
    yield "ms: for a picture, by Keras on this machine; features: of all pictures"
    if any(row.behind is not None for row in rows):
        yield (
            "~: out after some of the pictures, where it was clearly behind the best; about what "
            "all would give, the best less the difference there"
        )
    stopped = [row.name for row in rows if row.behind is None and len(row.evaluation) < pictures]
    if stopped:
        yield f"stopped before it saw all pictures: {shown_names(stopped)}"


def on_unranked(unranked: Sequence[Unranked]) -> Iterator[str]:
    """Yield who was not ranked, those of one reason together."""
    for reason in dict.fromkeys(each.reason for each in unranked):
        names = [each.name for each in unranked if each.reason == reason]
        yield f"not ranked: {', '.join(names)}: {reason.splitlines()[0]}"


def _interval(row: RankedBackbone) -> list[str]:
    if row.behind is not None:
        return [""]
    low, high = row.evaluation.interval("weighted_f1")
    return [f"[{low:.4f}, {high:.4f}]"]


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
