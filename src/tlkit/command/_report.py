"""``tlkit report``: one page about a run."""

from __future__ import annotations

import argparse
from pathlib import Path

import tlkit
from tlkit.command._machine import require_keras
from tlkit.command.answer import Answer
from tlkit.command.options import Subcommands, output, pictures, subcommand
from tlkit.command.pictures import read_pictures

_EXAMPLES = """\
  tlkit report tlkit-run                              how it was trained, so far
  tlkit report tlkit-run --data test                  with scores and mistakes
  tlkit report tlkit-run --data test --out test.html  into another file"""


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = "Write one HTML page about a run, which opens from disk without a network."
    parser = subcommand(commands, "report", summary, _EXAMPLES, run)
    parser.add_argument(
        "folder", metavar="RUN", type=Path, help="a run directory, as `tlkit train` writes it"
    )
    parser.add_argument(
        "--data", metavar="FOLDER", type=pictures,
        help="a folder of class folders to evaluate the run's model on; give pictures that it was "
        "not trained on",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", type=output, default="report.html",
        help="where to write it (default: report.html)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> Answer:
    """Write it.

    Raises:
        TlkitError: As for `tlkit.report`.
    """
    require_keras()
    data = None
    if options.data is not None:
        from tlkit.inference.contract import read_contract
        from tlkit.training.run_dir.recorded_run import read_run

        run = read_run(options.folder)
        contract, train = run.model and read_contract(run.model), run.settings.train
        data = read_pictures(
            options.data,
            class_names=train.class_names,
            fit=train.fit,
            depth=contract.depth if contract else None,
        )
    page = tlkit.report(options.folder, options.out, dataset=data)
    return Answer(f"report  {page} (open it in a browser)", {"report": str(page)})
