"""``tlkit rank``: which backbone to take, before anything is trained."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tlkit
from tlkit.command.answer import Answer
from tlkit.command.options import Hints, Subcommands, count, names, output, pictures, subcommand
from tlkit.command.pictures import read_pictures
from tlkit.errors import DamagedImageError

if TYPE_CHECKING:
    from tlkit.probing.ranked import RankedBackbone

_EXAMPLES = """\
  tlkit rank pictures                            all whose weights are on this machine
  tlkit rank pictures --backbones efficientnet_lite0,mobilenet_v2 --image-size 128
  tlkit rank pictures --plot ranking.png --json  a picture too, and data"""
_HINTS: Hints = {DamagedImageError: "Here: --skip-damaged goes on without them."}


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = (
        "Say which backbone is the best for some pictures, without training any.\n"
        "Each is probed by a regression on its features; who is clearly behind goes out\n"
        "after some of the pictures."
    )
    stopped = (
        "The same command goes on with the features that are there, and with --checkpoint with "
        "the finished probes."
    )
    parser = subcommand(commands, "rank", summary, _EXAMPLES, run, hints=_HINTS, stopped=stopped)
    add = parser.add_argument
    add("pictures", metavar="PICTURES", type=pictures, help="a folder with a folder for each class")
    add("--backbones", metavar="A,B,...", type=names, help="instead of all whose weights are here")
    add("--image-size", metavar="N", type=count, help="side in pixels, instead of their defaults")
    add("--plot", metavar="FILE", type=output, help="draw quality against time")
    add("--checkpoint", metavar="FOLDER", type=Path, help="keep finished probes there, and go on")
    add("--skip-damaged", action="store_true", help="leave out pictures that cannot be read")


def run(options: argparse.Namespace) -> Answer:
    """Rank them.

    Raises:
        TlkitError: As for `tlkit.rank_backbones`.
    """
    if options.plot is not None:
        from tlkit.probing._ranking_plot import check_plot

        check_plot(options.plot)
    data = read_pictures(options.pictures, skip_damaged=options.skip_damaged)
    found = tlkit.rank_backbones(
        options.backbones, data, image_size=options.image_size, checkpoint=options.checkpoint
    )
    if options.plot is not None:
        found.plot(options.plot)
    facts = {
        "pictures": found.pictures,
        "backbones": [_facts(row) for row in found.rows],
        "best_group": [row.name for row in found.best_group],
        "unranked": {each.name: each.reason for each in found.unranked},
        "notes": list(found.notes),
    }
    return Answer(str(found), facts)


def _facts(row: RankedBackbone) -> dict[str, Any]:
    return {
        "name": row.name,
        "weighted_f1": row.estimate,
        "interval": list(row.evaluation.interval("weighted_f1")) if row.behind is None else None,
        "pictures": len(row.evaluation),
        "ms": row.cost.ms,
        "parameters": row.cost.parameters,
        "feature_bytes": row.cost.feature_bytes,
    }
