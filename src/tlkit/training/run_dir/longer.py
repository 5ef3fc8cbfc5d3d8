"""Stages that are made longer when a run is resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tlkit.errors import RunDirectoryError
from tlkit.learning_rate.rate import Rate
from tlkit.training.run_dir.run_directory import RunDirectory, compared
from tlkit.training.stage import Stage


def make_longer(run: RunDirectory, given: Mapping[str, Any], stages: Sequence[Stage]) -> None:
    """Give the last stage that was begun, and those after it, more epochs where they ask for them.

    Such a run is then one that was begun with so many, and was interrupted. Nothing is changed
    where anything else differs too.

    Args:
        run: That is resumed.
        given: Settings of the trainer at hand.
        stages: Its stages.

    Raises:
        RunDirectoryError: The stage cannot go on; says why.
    """
    grown = longer_stages(run, given, stages)
    if not grown:
        return
    # What is finished goes first: cut off here, the run is one of before that goes on.
    run.model.unlink(missing_ok=True)
    for number in grown:
        run.stage(number, stages[number - 1].name).reopen()
    run.rewrite({**(run.settings() or {}), "stages": given["stages"]})


def longer_stages(
    run: RunDirectory, given: Mapping[str, Any], stages: Sequence[Stage]
) -> tuple[int, ...]:
    """Return the numbers, from 1, of the stages that would be made longer.

    Args:
        run: As for `make_longer`, and so are the others.
        given: Settings of the trainer at hand.
        stages: Its stages.

    Raises:
        RunDirectoryError: A stage cannot go on; says why.
    """
    known, settings = run.settings(), json.loads(json.dumps(given))
    if known is None:
        return ()
    grown = _grown(known, settings)
    for number in grown:
        _check(run, number, stages, known["stages"][number]["epochs"])
    return tuple(number + 1 for number in grown)


def _grown(known: Mapping[str, Any], given: Mapping[str, Any]) -> list[int]:
    """Return which stages have more epochs, where nothing else differs."""
    begun = known.get("stages", [])
    if len(begun) != len(given["stages"]):
        return []
    pairs = list(zip(begun, given["stages"], strict=True))
    # A stage of a user's own class, or one without training steps, tells none.
    as_long = [one | {k: v for k, v in other.items() if k == "epochs"} for one, other in pairs]
    if compared({**known, "stages": as_long}) != compared(given):
        return []
    grown = [other.get("epochs", 0) - one.get("epochs", 0) for one, other in pairs]
    return [n for n, more in enumerate(grown) if more] if min(grown) >= 0 else []


def _check(run: RunDirectory, number: int, stages: Sequence[Stage], epochs: int) -> None:
    stage = stages[number]
    files = run.stage(number + 1, stage.name)
    if not files.begun:
        return
    asked = (
        f"Stage {stage.name!r} of the run in {run.root} has epochs={epochs}, and epochs="
        f"{stage.epochs} is given, but"
    )
    later = [
        x.name for n, x in enumerate(stages, 1) if n > number + 1 and run.stage(n, x.name).begun
    ]
    if later:
        raise RunDirectoryError(
            f"{asked} stage {later[0]!r} has begun from where it ended. Give epochs={epochs}, or "
            "another run_dir."
        )
    if any(Rate.of(rate).depends_on_length for rate in stage.rates):
        raise RunDirectoryError(
            f"{asked} its learning_rate={stage.learning_rate!r} follows from the number of steps: "
            f"all epochs so far would have had other rates. Give epochs={epochs}, or another "
            "run_dir."
        )
    if files.finished() is not None and not files.checkpoint.is_file():
        raise RunDirectoryError(
            f"{asked} it is finished and its checkpoint.npz is gone, as in runs of earlier "
            f"versions, so its optimizer cannot go on. Give epochs={epochs}, or train on in "
            f"another run_dir with start_from={str(files.weights)!r}."
        )
