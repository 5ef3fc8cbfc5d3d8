"""A search in words: a table of trials, and what there is to say under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tlkit._printing import counted, one_line
from tlkit.evaluation.comparing.comparison import PairResult
from tlkit.evaluation.evaluating import AnyEvaluation
from tlkit.training.tuning.trial import Trial

# A setting in a cell, such as an augmentation, is cut in the middle.
_WIDEST = 36
# With fewer images than that, one standard error of a share is more than 3 points.
_FEW = 200


def headline(rows: Sequence[Trial], metric: str, images: int, folds: int | None, space: int) -> str:
    """Return what was tried, and on what."""
    tried = sum(bool(row.rounds) for row in rows)
    where = f"{images:,} validation images" if folds is None else f"{images:,} images, out of fold"
    return f"{metric} on {where}; {tried} of {counted(space, 'setting')} tried"


def header(rows: Sequence[Trial], metric: str) -> tuple[str, ...]:
    """Return names of columns."""
    names = dict.fromkeys(name for row in rows for name in row.settings)
    return ("trial", *names, metric, "95 % interval", "epochs run", "seconds", "status")


def cells(rows: Sequence[Trial]) -> list[tuple[str, ...]]:
    """Return a row of text for each trial."""
    names = dict.fromkeys(name for row in rows for name in row.settings)
    return [
        (
            f"{row.number}{' default' if row.is_default else ''}",
            *(one_line(row.texts.get(name, ""), _WIDEST) for name in names),
            "" if row.score is None else f"{row.score:.4f}",
            "" if row.interval is None else "[{:.4f}, {:.4f}]".format(*row.interval),
            str(row.epochs) if row.epochs else "",
            f"{row.seconds:.1f}" if row.rounds else "",
            row.status,
        )
        for row in rows
    ]


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines, their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(x.ljust(width) for x, width in zip(row, widths, strict=True)).rstrip()


def on_failures(rows: Sequence[Trial]) -> Iterator[str]:
    """Yield why trials failed, those of one reason together."""
    for reason in dict.fromkeys(row.reason for row in rows if row.reason):
        numbers = ", ".join(str(row.number) for row in rows if row.reason == reason)
        yield f"failed: {numbers}: {one_line(reason, 300)}"


def on_the_best(best: Trial, pair: PairResult | None) -> Iterator[str]:
    """Yield what to take, and whether it is worth it."""
    what = " (the recipe of fine_tune)" if best.is_default else ""
    yield f"best: trial {best.number}{what}, {best.told}"
    if pair is not None:
        yield f"{pair.sentence}; {pair.images:,} images, of which the best was chosen by this score"


def on_chance(
    best: Trial, rows: Sequence[Trial], metric: str, test: AnyEvaluation | None, images: int
) -> Iterator[str]:
    """Yield what the score of the best is worth."""
    tried = sum(row.evaluation is not None for row in rows)
    if tried > 1:
        yield (
            f"the best of {tried} was chosen by its score {best.score:.4f}, which is therefore "
            "too good" + ("; give test= for one that chose nothing" if test is None else "")
        )
    if images < _FEW:
        yield (
            f"{counted(images, 'image')} tell little apart: one of them is "
            f"{100 / images:.1f} points of accuracy, and what is best may be chance. Give more, or "
            "folds=5"
        )
    if test is not None:
        low, high = test.interval(metric)
        where = f"[{low:.4f}, {high:.4f}] on {len(test):,} images"
        yield f"test: {metric} {test.score(metric):.4f} {where}"


def as_dict(row: Trial) -> dict[str, Any]:
    """Return a trial as a row of a table; values that are no numbers or texts, as code."""
    low, high = row.interval or (None, None)
    settings = {
        name: value if isinstance(value, (int, float, str, type(None))) else row.texts[name]
        for name, value in row.settings.items()
    }
    told = {"epochs": row.epochs, "seconds": row.seconds, "reason": row.reason}
    found = {row.metric: row.score, "low": low, "high": high}
    return {"trial": row.number, **settings, **found, "status": row.status, **told}
