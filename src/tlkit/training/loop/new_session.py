"""The session of a training that begins: the whole model, and its images."""

from __future__ import annotations

from concurrent.futures import Executor

from tlkit._keras.devices import ONE_DEVICE, Devices
from tlkit._keras.layers import foreign_layers
from tlkit._keras.types import Model
from tlkit._progress import Reporter
from tlkit.data.images import Images
from tlkit.data.labelled_images import LabelledImages
from tlkit.errors import TrainingError
from tlkit.features.settings import FrozenSettings
from tlkit.features.store.store import FeatureStore
from tlkit.freezing.own_head import AnyHead
from tlkit.freezing.whole_model import Parts
from tlkit.training._starting import Start
from tlkit.training.loop.session import Session
from tlkit.training.run_dir.engines_used import EngineNotes


def new_session(
    settings: FrozenSettings,
    head: AnyHead,
    start: Start | None,
    store: FeatureStore,
    data: tuple[LabelledImages, LabelledImages | None],
    reporter: Reporter,
    *,
    executor: Executor | None = None,
    engines: EngineNotes | None = None,
    notes: tuple[str, ...] = (),
    devices: Devices = ONE_DEVICE,
    judged: bool = False,
) -> Session:
    """Return the session of a training that begins: the whole model, and its images.

    Args:
        settings: Of frozen work.
        head: Of the model.
        start: The weights to begin with, or None for those of the backbone.
        store: Where frozen work is kept.
        data: Images for training, and for validation or None.
        reporter: Shows progress.
        executor: Whose workers compute features; None for this process alone.
        engines: Which engine ran what before, in a training that goes on.
        notes: What there is to say on the images, for people.
        devices: That the training is spread over.
        judged: Whether stages are compared, by a figure of their own.

    Raises:
        TrainingError: The devices need new weights, and the backbone is a model made before.
    """
    train, validation = data
    classes = len(train.class_names)
    asked = (head, classes, head.task(train.labels, classes))
    with devices.scope():
        parts = settings.assembled(*asked)
    plain = _on_one(parts, settings.assembled(*asked)) if devices.spread else None
    if start is not None:
        start.load(parts.model)
        if start.moved:
            reporter.line("start_from: the head's columns are put in this order of classes")
    height, width = parts.model.input_shape[1:3]
    return Session(
        parts=parts,
        train=Images(train, (height, width)),
        validation=Images(validation, (height, width)) if validation else None,
        store=store,
        settings=settings,
        reporter=reporter,
        executor=executor,
        engines=engines or EngineNotes(),
        notes=(*notes, *_needed_to_load(parts.model)),
        devices=devices,
        judged=judged,
        plain=plain,
    )


def _on_one(spread: Parts, plain: Parts) -> Parts:
    """Return the model on one device; it may share no weight with the one that is spread."""
    known = {id(weight) for weight in spread.model.weights}
    if any(id(weight) in known for weight in plain.model.weights):
        raise TrainingError(
            "With a distribution the model is built on its devices, and this backbone's function "
            "returned one and the same model twice. Let it build a new one at each call."
        )
    return plain


def _needed_to_load(model: Model) -> tuple[str, ...]:
    foreign = foreign_layers(model)
    if not foreign:
        return ()
    return (
        f"the saved model needs more than Keras to be loaded: it holds {', '.join(foreign)}. "
        "Import the package of these first; a Lambda needs load_model(..., safe_mode=False)",
    )
