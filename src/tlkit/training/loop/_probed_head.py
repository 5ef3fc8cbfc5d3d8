"""A head that starts from a probe of the training images."""

from __future__ import annotations

from functools import partial

import numpy as np

from tlkit._task import Task
from tlkit.data.batches import batch_slices
from tlkit.errors import TrainingError
from tlkit.freezing.phase import prepare
from tlkit.freezing.policies import FreezeAll
from tlkit.probing.start import fitted_regression
from tlkit.training.feeding.inputs import Change
from tlkit.training.loop.session import PhaseWork, Session
from tlkit.training.stage import Stage

_ROWS = 256


def start_head(session: Session, first: Stage) -> None:
    """Give the head the weights of a probe of the training images, where it asks for them.

    Args:
        session: It begins.
        first: The stage that comes first, to which the frozen work is counted.

    Raises:
        TrainingError: No part of the backbone can be frozen.
    """
    if session.head.start != "probe":
        return
    phase = prepare(session.parts, (), FreezeAll())
    trunk = session.trunk(phase)
    if trunk is None:
        raise TrainingError(
            f"{session.head!r} needs features of a frozen backbone, and there are none: "
            f"{phase.note or 'it has no weights'}. Leave start out."
        )
    images = session.train
    work = PhaseWork(first.name, 0, 0, trunk, len(images))
    inputs = session.inputs(work, images, Change()).inputs
    parts = [inputs(np.arange(len(images))[part], 0) for part in batch_slices(len(images), _ROWS)]
    found, penalty = fitted_regression(
        np.concatenate(parts),
        images.labels,
        len(images.dataset.class_names),
        seed=session.seed,
        show=partial(session.reporter.step, "probe"),
    )
    weights, bias = found.weights, found.bias
    if session.task is Task.BINARY:
        weights, bias = weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
    session.parts.model.layers[-1].set_weights([weights.astype("f4"), bias.astype("f4")])
    session.reporter.line(f"the head starts from a probe of penalty {penalty:.3g}")
