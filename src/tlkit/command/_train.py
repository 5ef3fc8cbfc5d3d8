"""``tlkit train``: from a folder of pictures to a model, its figures and a report."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from shlex import quote
from typing import Any

import tlkit
from tlkit.command._known_before import Known, known_before
from tlkit.command._machine import require_keras
from tlkit.command.answer import Answer, say
from tlkit.command.options import Subcommands, count, pictures, subcommand
from tlkit.command.pictures import HELD_OUT, read_pictures, table_of_classes
from tlkit.command.scores import scores_of
from tlkit.errors import (
    DamagedImageError,
    EvaluationError,
    ImageSizeError,
    RunDirectoryError,
    SplitError,
    TrainingError,
    WeightsError,
)

_EXAMPLES = """\
  tlkit train pictures
  tlkit train pictures --backbone mobilenet_v2 --image-size 128 --epochs 5
  tlkit train pictures --validation more_pictures --out second-run --keep last
  tlkit train pictures --budget "10 min"
  tlkit train pictures --plan           what is decided and why, how long it takes
  tlkit train pictures --resume         go on with what was stopped"""
_STOPPED = "What is finished is kept. This goes on from the last finished epoch:\n  {again}"
_HINTS = {
    WeightsError: "Here: --weights FILE, --weights none, or another --backbone NAME.",
    ImageSizeError: "Here: --image-size N.",
    SplitError: "Here: --validation FOLDER gives validation pictures of your own.",
    DamagedImageError: "Here: --skip-damaged goes on without them.",
    RunDirectoryError: "Here run_dir is --out DIR, and resume=True is --resume.",
}


def _time_or_steps(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdigit() else text


# Options that go to fine_tune as they are, which has the defaults of those that are not given.
_PASSED_ON = (
    ("image_size", "N", count, "side of the pictures in pixels (default: the network's own)"),
    ("budget", "TIME", _time_or_steps, "such as '10 min', which the recipe fits itself to"),
    ("epochs", "N", count, "of fine-tuning (default: by the number of pictures, 4 to 30)"),
    ("learning_rate", "RATE", float, "highest of fine-tuning (default: 0.0005)"),
    ("batch_size", "N", count, "pictures in a step (default: 32)"),
    ("engine", "NAME", str, "one of `tlkit engines`, to run frozen layers (default: auto)"),
)


def add_to(commands: Subcommands) -> None:
    """Add the subcommand."""
    summary = (
        "Fine-tune a network on a folder of class folders. A fifth of the pictures is\n"
        "held out, and the model is evaluated on them. First a linear probe is put on the\n"
        "frozen network, then all of it is fine-tuned; the better of both is kept. The\n"
        "run, model.keras and report.html are written into one folder."
    )
    parser = subcommand(commands, "train", summary, _EXAMPLES, run, hints=_HINTS, stopped=_STOPPED)
    _add_inputs(parser)
    _add_settings(parser)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    share = f"{HELD_OUT:.0%}%"  # a percent sign is written twice in a help
    add("pictures", metavar="PICTURES", type=pictures, help="a folder with a folder for each class")
    told = f"validation pictures, in class folders too (default: {share} of PICTURES)"
    add("--validation", metavar="FOLDER", type=pictures, help=told)
    told = "one of `tlkit backbones` (default: efficientnet_v2_b0)"
    add("--backbone", metavar="NAME", default="efficientnet_v2_b0", help=told)
    told = "imagenet, none for random ones, or a .weights.h5, .h5 or .keras file"
    add("--weights", metavar="WEIGHTS", default="imagenet", help=f"{told} (default: imagenet)")
    told = "where the run is kept (default: tlkit-run)"
    add("--out", metavar="DIR", type=Path, default=Path("tlkit-run"), help=told)
    add("--resume", action="store_true", help="go on with the run in DIR that was stopped")
    told = "train nothing: print what is decided and why, what will run, how long it takes here"
    add("--plan", action="store_true", help=told)
    add("--skip-damaged", action="store_true", help="leave out pictures that cannot be read")
    told = "the split and every other random choice follow from it (default: 0)"
    add("--seed", metavar="N", type=int, default=0, help=told)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    settings = parser.add_argument_group("training", argument_default=argparse.SUPPRESS)
    told = "pictures of another shape: squash, crop or pad them (default: squash)"
    settings.add_argument("--fit", choices=("squash", "crop", "pad"), default="squash", help=told)
    for name, metavar, kind, told in _PASSED_ON:
        option = f"--{name.replace('_', '-')}"
        settings.add_argument(option, metavar=metavar, type=kind, help=told)
    told = (
        "how pictures are changed at random: suggested, those changes that fit them, which probes "
    )
    told += "find out; strong, turned and mirrored in all ways; none (default: suggested)"
    settings.add_argument("--augment", choices=("suggested", "strong", "none"), help=told)
    told = "the stage whose weights the model has (default: best, on validation pictures)"
    settings.add_argument("--keep", choices=("last", "best"), help=told)


def run(options: argparse.Namespace) -> Answer:
    """Train, evaluate, write; or print the plan of it.

    Raises:
        TlkitError: As for `tlkit.fine_tune`; or DIR holds a run already, or cannot be written.
    """
    _check_out(options.out, resume=options.resume)
    _check_budget(options)
    train, validation = _sets(options)
    say(table_of_classes({"training": train, "validation": validation}))
    settings = _settings(options)
    if options.plan:
        return _plan(options, settings, train, validation)
    result = tlkit.fine_tune(train, validation, options.backbone, resume=options.resume, **settings)
    found = tlkit.evaluate(result, validation)
    known = known_before(
        train,
        result,
        options.backbone,
        weights=settings["weights"],
        engine=settings.get("engine", "auto"),
        seed=options.seed,
    )
    page = _report(options.out, found, validation, known)
    return _answer(options.out, result, found, page, len(train))


def _augmentation(name: str) -> Any:
    return {"strong": tlkit.Augmentation(), "none": None}.get(name, name)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `tlkit.fine_tune` is given, once it is known that the network can be built."""
    names = ("keep", *(name for name, *_ in _PASSED_ON))
    settings = {name: getattr(options, name) for name in names if hasattr(options, name)}
    weights = None if options.weights.lower() == "none" else options.weights
    require_keras()
    # Built once before: a download that fails leaves no run behind.
    size = settings.get("image_size")
    tlkit.build_backbone(options.backbone, image_size=size, weights=weights)
    return {
        "weights": weights,
        "augmentation": _augmentation(getattr(options, "augment", "suggested")),
        "seed": options.seed,
        "run_dir": options.out,
        **settings,
    }


def _plan(
    options: argparse.Namespace,
    settings: dict[str, Any],
    train: tlkit.ImageDataset,
    validation: tlkit.ImageDataset,
) -> Answer:
    given = {**settings, "resume": options.resume}
    plan = tlkit.fine_tune.plan(train, validation, options.backbone, **given)
    return Answer(str(plan), plan.to_json(), status=0 if plan.work.enough_disk else 1)


def _check_budget(options: argparse.Namespace) -> None:
    """Refuse a budget that is none, before pictures are read."""
    if hasattr(options, "budget"):
        require_keras()
        from tlkit.training.recipes.budget import Budget

        Budget.of(options.budget)


def _sets(options: argparse.Namespace) -> tuple[tlkit.ImageDataset, tlkit.ImageDataset]:
    skip = options.skip_damaged
    data = read_pictures(options.pictures, skip_damaged=skip, fit=options.fit)
    if options.validation is None:
        return data.split(HELD_OUT, seed=options.seed)
    return data, read_pictures(options.validation, skip_damaged=skip, fit=options.fit)


def _check_out(out: Path, *, resume: bool) -> None:
    """Refuse a folder that cannot be the run's, before anything is read."""
    from tlkit.training.run_dir.run_directory import RunDirectory

    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise TrainingError(
            f"--out {out} cannot be written: {there} is no folder that this user may write to. "
            "Give another DIR."
        )
    if not resume and RunDirectory(out).settings() is not None:
        raise TrainingError(
            f"{out} already holds a run. Add --resume to go on with it, or give another --out DIR."
        )


def _report(
    out: Path, found: tlkit.Evaluation, images: tlkit.ImageDataset, known: Known
) -> Path | None:
    """Write the page, unless a package for it is missing: everything else is done by now."""
    page = out / "report.html"
    try:
        return tlkit.report(out, page, dataset=images, evaluations=found, before=known)
    except EvaluationError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        say(f"No report: {error}. Then: tlkit report {quote(str(out))}")
        return None


def _answer(
    out: Path,
    result: tlkit.TrainingResult,
    found: tlkit.Evaluation,
    page: Path | None,
    trained_on: int,
) -> Answer:
    model = out / "model.keras"
    lines = [
        "On the validation pictures, by which the weights were chosen as well:",
        found.summary(),
        "",
        f"model   {model}",
        *([] if page is None else [f"report  {page} (open it in a browser)"]),
        f"run     {out}: `tlkit predict {quote(str(out))} FOLDER` labels other pictures,",
        f"        `tlkit evaluate {quote(str(out))} FOLDER` scores it on labelled ones",
    ]
    data: dict[str, Any] = {
        "run": str(out),
        "model": str(model),
        "report": None if page is None else str(page),
        "images": {"train": trained_on, "validation": len(found)},
        "stages": [stage.to_json() for stage in result.stages],
        "kept_stage": result.kept.name,
        "evaluation": scores_of(found),
    }
    return Answer("\n".join(lines), data)
