"""``tlkit predict``: named labels for pictures without any."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tlkit
from tlkit.command._machine import require_keras
from tlkit.command.answer import Answer, say
from tlkit.command.options import (
    Hints,
    Subcommands,
    add_model,
    count,
    output,
    pictures,
    subcommand,
)
from tlkit.errors import EngineError, PredictionError

if TYPE_CHECKING:
    from tlkit.inference.prediction import Prediction

_EXAMPLES = """\
  tlkit predict tlkit-run new_pictures                    rows on the screen
  tlkit predict model.keras new_pictures --out rows.csv   a table
  tlkit predict model.keras a.jpg b.jpg --top 3           files, three labels each"""

_HINTS: Hints = {EngineError: "Here: --precision and --engine say at what and on what it runs."}


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = (
        "Label pictures: a row for each with its most probable classes, as CSV.\n"
        "A folder is taken with all folders in it. A picture that cannot be read is a\n"
        "row with the reason. A run and a file that tlkit saved know their classes."
    )
    parser = subcommand(commands, "predict", summary, _EXAMPLES, run, hints=_HINTS)
    add_model(parser)
    parser.add_argument(
        "pictures", metavar="PICTURES", type=pictures, nargs="+", help="a folder, or files"
    )
    parser.add_argument(
        "--top",
        metavar="N",
        type=count,
        default=1,
        help="labels in a row (default: 1; a model of any number of labels gives its own number)",
    )
    parser.add_argument(
        "--out", metavar="FILE", type=output, help="write a table (.csv) or JSON lines (.jsonl)"
    )
    parser.add_argument(
        "--engine", metavar="NAME", default="auto", help="what runs it (default: auto)"
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "int8", "auto"),
        default="float32",
        help="at which it runs: below float32 faster, refused where labels suffer",
    )


def run(options: argparse.Namespace) -> Answer:
    """Label them.

    Raises:
        TlkitError: As for `tlkit.Predictor` and its ``predict``.
    """
    if options.out is not None and options.out.suffix not in (".csv", ".jsonl"):
        raise PredictionError(
            f"--out {options.out}; expected a name that ends in .csv or .jsonl (JSON lines)."
        )
    require_keras()
    predictor = tlkit.Predictor(
        options.model,
        class_names=options.class_names,
        image_size=options.image_size,
        engine=options.engine,
        trunk_precision=options.precision,
    )
    given = _given(options.pictures)
    exact = options.precision == "float32"
    if options.out is None and not options.json and exact:
        return _streamed(predictor, given, options)
    rows = predictor.predict(given, top=options.top)
    if options.out is not None:
        write = rows.write_csv if options.out.suffix == ".csv" else rows.write_json_lines
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write(options.out)
    elif not options.json:
        rows.write_csv(options.output)
    _tell_failed(len(rows.failed), len(rows))
    if not exact:
        say("\n".join(rows.notes))
    data: dict[str, Any] = {
        "model": str(options.model),
        "class_names": list(rows.class_names),
        "rows": [_fields(row) for row in rows],
    }
    if rows.precision is not None:
        data["precision"] = rows.precision.to_json()
    written = f"{len(rows):,} rows written: {options.out}"
    return Answer(written if options.out is not None else "", data)


def _fields(row: Prediction) -> dict[str, Any]:
    """Return a row as in a table, but with a list of labels, whose names may hold commas."""
    return {**row.as_dict(), **({"labels": list(row.labels)} if row.by_class else {})}


def _given(places: list[Path | str]) -> Path | str | list[Path | str]:
    if len(places) == 1:
        return places[0]
    folders = [path for path in places if isinstance(path, Path) and path.is_dir()]
    if folders:
        raise PredictionError(
            f"{folders[0]} is a folder, and {len(places)} places were given. Give one folder, or "
            "files."
        )
    return places


def _streamed(
    predictor: tlkit.Predictor, given: Path | str | list[Path | str], options: argparse.Namespace
) -> Answer:
    """Write each row as soon as it is there."""
    from tlkit.inference.prediction_files import write_csv

    top = min(options.top, len(predictor.class_names))
    columns = predictor.columns(top)
    seen = [0, 0]

    def counted(rows: Iterator[Prediction]) -> Iterator[Prediction]:
        for row in rows:
            seen[0] += bool(row.error)
            seen[1] += 1
            yield row

    write_csv(counted(predictor.rows(given, top=top)), options.output, columns)
    _tell_failed(*seen)
    return Answer("", {})


def _tell_failed(failed: int, of: int) -> None:
    if failed:
        say(f"{failed:,} of {of:,} pictures cannot be read; `error` in their rows says why")
