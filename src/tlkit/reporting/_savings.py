"""What cutting the model in trunk and tail saved, counted from a stage's own account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# In these the cut stays where it is for the whole stage; others may move it from epoch to epoch.
_STEADY = {"tlkit.FreezeAll", "tlkit.UnfreezeTop", "tlkit.UnfreezeAll", "tlkit.BatchNormOnly"}
_STORED = re.compile(r"features of (\d+) images read from the store")
_ENGINE = re.compile(r"engine: (\w+); ([\d.]+) ms an image with (\w+)(?:, ([\d.]+) with (\w+))?")


@dataclass(frozen=True)
class Saving:
    """Passes of images through the frozen part of a stage.

    Args:
        plain: Images x epochs, as plain Keras would run them.
        run: What was run.
        seconds: Time saved at the speeds that the stage measured; None where it measured none.
        engine: What ran the trunk; empty if unknown.
        milliseconds: What an image takes in it.
    """

    plain: int
    run: int
    seconds: float | None
    engine: str
    milliseconds: float | None = None

    @property
    def spared(self) -> int:
        """Passes that were not run."""
        return self.plain - self.run


def saving(stage: dict[str, Any], settings: dict[str, Any] | None, number: int) -> Saving | str:
    """Count what a stage saved, or say why that cannot be told.

    A search for the learning rate, which reads the same features again, is not counted.

    Args:
        stage: The stage's account.
        settings: Of its run.
        number: Which stage of the run it is, from 0.
    """
    if stage["cut"] is None:
        return "no trunk: all of the model was trained"
    asked = _asked(settings, number)
    if settings is None or asked is None:
        return "not told by a result in memory: give its run_dir"
    if (asked.get("policy") or {}).get("class") not in _STEADY:
        return "not counted: the policy may move the cut within the stage"
    train = settings["train"]["count"]
    held_out = (settings.get("validation") or {}).get("count", 0)
    epochs = len(stage["history"].get("loss", ()))
    fresh = asked.get("augmentation") is not None or asked.get("mix") is not None
    notes = "\n".join(map(str, stage["notes"]))
    stored = sum(map(int, _STORED.findall(notes)))
    run = max(train * (epochs if fresh else 1) + held_out - stored, 0)
    plain = (train + held_out) * epochs
    return _with_speed(plain, min(run, plain), notes)


def _asked(settings: dict[str, Any] | None, number: int) -> dict[str, Any] | None:
    stages = (settings or {}).get("stages")
    asked = stages[number] if isinstance(stages, list) and number < len(stages) else None
    return asked if isinstance(asked, dict) else None


def _with_speed(plain: int, run: int, notes: str) -> Saving:
    found = _ENGINE.search(notes)
    if found is None:
        return Saving(plain, run, None, "")
    engine, first, first_name, second, second_name = found.groups()
    speeds = {first_name: float(first)} | ({second_name: float(second)} if second else {})
    if "keras" not in speeds or engine not in speeds:
        return Saving(plain, run, None, engine)
    seconds = (plain * speeds["keras"] - run * speeds[engine]) / 1000
    return Saving(plain, run, seconds, engine, speeds[engine])
