"""``tlkit backbones``: what can be trained on."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import tlkit
from tlkit.command.answer import Answer
from tlkit.command.options import Subcommands, subcommand
from tlkit.errors import UnknownBackboneError

if TYPE_CHECKING:
    from tlkit.backbones.spec import BackboneSpec

_EXAMPLES = """\
  tlkit backbones                       all that are installed
  tlkit backbones "*net_v2*"            those whose name matches, as file names do
  tlkit backbones vgg16 --json          one, for a program"""


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = "List the installed backbones: sizes, accuracy on ImageNet, licence of weights."
    parser = subcommand(commands, "backbones", summary, _EXAMPLES, run)
    parser.add_argument(
        "pattern", metavar="PATTERN", nargs="?", default="*",
        help="a name, or a pattern with * and ? in quotation marks",
    )  # fmt: skip


def run(options: argparse.Namespace) -> Answer:
    """List them.

    Raises:
        UnknownBackboneError: None has such a name.
    """
    found = tlkit.list_backbones(options.pattern)
    if not found:
        found = tlkit.list_backbones(_nearly(options.pattern))
    data = {"backbones": [_facts(spec) for spec in found], "notes": found.notes()}
    return Answer(repr(found), data)


def _nearly(pattern: str) -> str:
    """Return the name that was meant, written in another way."""
    if any(sign in pattern for sign in "*?["):
        raise UnknownBackboneError(
            f"No backbone's name matches {pattern!r}. `tlkit backbones` lists all; * stands for "
            "any letters, ? for one."
        )
    return tlkit.get_backbone(pattern).name


def _facts(spec: BackboneSpec) -> dict[str, Any]:
    return {each.name: getattr(spec, each.name) for each in fields(spec) if each.name != "build"}
