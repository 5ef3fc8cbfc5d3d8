"""A search for the rate of a trainer's first stage, which may be interrupted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tlkit._keras.devices import Devices
from tlkit._progress import reporter_for
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import LearningRateError
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import open_store
from tlkit.freezing.own_head import AnyHead
from tlkit.learning_rate.curve import LRCurve
from tlkit.learning_rate.finder import ExponentialLRFinder
from tlkit.training import _checks
from tlkit.training._starting import start_of
from tlkit.training.loop._kept_sweep import KeptSweep
from tlkit.training.loop._stages import search
from tlkit.training.loop.new_session import new_session
from tlkit.training.run_dir.encoding import encoded
from tlkit.training.run_dir.run_directory import compared
from tlkit.training.run_dir.run_settings import run_settings
from tlkit.training.stage import Stage


def find_learning_rate(
    settings: FrozenSettings,
    head: AnyHead,
    stage: Stage,
    start_from: Path | None,
    devices: Devices,
    train: LabelledImages,
    finder: ExponentialLRFinder,
    *,
    checkpoint: str | Path | None,
    verbose: int,
) -> LRCurve:
    """Search for the learning rate of a stage; see `tlkit.StagedTrainer.find_learning_rate`."""
    _checks.check_finder(finder)
    _checks.check_data(train)
    _checks.check_devices(devices, (stage,), train)
    start = start_of(start_from, train.class_names)
    with open_store(settings.cache) as store:
        _checks.check_images(store, train)
        sweep = None
        if checkpoint is not None:
            told = compared(run_settings(settings, head, (stage,), "last", start_from, train, None))
            sweep = _kept(Path(checkpoint), finder, {**told, "finder": encoded(finder)})
        given = (settings, head, start, store, (train, None), reporter_for(verbose))
        return search(new_session(*given, devices=devices), stage, finder, sweep)


def _kept(file: Path, finder: ExponentialLRFinder, about: dict[str, object]) -> KeptSweep:
    if finder.unit != "epoch":
        raise LearningRateError(
            f"Received checkpoint={str(file)!r} and a finder with unit={finder.unit!r}; expected "
            "unit='epoch': a search by batch is over before a file of it would help. Leave it out."
        )
    if file.suffix != ".npz" or not file.parent.is_dir():
        raise LearningRateError(
            f"checkpoint={str(file)!r}, expected a file that ends in .npz, in a folder that exists."
        )
    # The selector reads the curve; what is measured does not depend on it.
    about = {name: value for name, value in about.items() if name != "tlkit"}
    text = json.dumps(about, sort_keys=True)
    return KeptSweep(file, hashlib.sha256(text.encode()).hexdigest())
