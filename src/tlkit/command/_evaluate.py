"""``tlkit evaluate``: how good a model is on some pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

import tlkit
from tlkit.command._models import KnownModel, model_at
from tlkit.command.answer import Answer, say
from tlkit.command.options import Subcommands, add_model, output, pictures, subcommand
from tlkit.command.pictures import read_pictures, was_trained_on
from tlkit.command.scores import scores_of
from tlkit.errors import EvaluationError

_EXAMPLES = """\
  tlkit evaluate tlkit-run test                            what `tlkit train` wrote
  tlkit evaluate model.keras test --class-names cats,dogs  a file, and its classes
  tlkit evaluate tlkit-run test --out evaluation.json      all figures, in a file too"""


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = (
        "Score a model on pictures that it was not trained on, with 95 % intervals.\n"
        "A run and a file that tlkit saved know their classes; folders of some of them\n"
        "are enough. The columns of another file are taken to be the class folders in\n"
        "alphabetical order, unless --class-names says otherwise."
    )
    parser = subcommand(commands, "evaluate", summary, _EXAMPLES, run)
    add_model(parser)
    parser.add_argument(
        "pictures", metavar="PICTURES", type=pictures, help="a folder with a folder for each class"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=output, help="write what --json prints into a file too"
    )


def run(options: argparse.Namespace) -> Answer:
    """Score it.

    Raises:
        TlkitError: As for `tlkit.evaluate`; or there is no such model.
    """
    known = model_at(options.model, options.class_names)
    data = read_pictures(
        options.pictures, class_names=known.class_names, fit=known.fit, depth=known.depth
    )
    if known.class_names is None:
        say(
            f"{options.model} does not know its classes; its columns are taken to be "
            f"{', '.join(data.class_names)}. --class-names gives another order."
        )
    found = tlkit.evaluate(known, data, image_size=options.image_size)
    answer = Answer(found.summary(), {"model": str(options.model), **scores_of(found)})
    answer = _with_warning(answer, known, data)
    if options.out is not None:
        _write(options.out, answer.to_json())
        answer = Answer(f"{answer.text}\nwritten: {options.out}", answer.data)
    return answer


def _with_warning(answer: Answer, known: KnownModel, data: tlkit.ImageDataset) -> Answer:
    """Say where the figures are of pictures that the model has learned."""
    seen = known.run is not None and was_trained_on(data, known.run)
    told = (
        "\nThe run was trained on these pictures or most of them: the figures say little of new "
        "ones. Give pictures that it has not seen."
    )
    return Answer(answer.text + told * seen, {**answer.data, "was_trained_on_these": seen})


def _write(file: Path, text: str) -> None:
    from tlkit._disk.atomic import whole_file

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as part:
            part.write_text(f"{text}\n", "utf-8")
    except OSError as error:
        raise EvaluationError(
            f"--out {file} cannot be written: {error}. Give another file."
        ) from error
