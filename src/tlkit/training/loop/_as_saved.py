"""Validation images for the model as it is saved: its frozen part at float32."""

from __future__ import annotations

from tlkit.features.trunk import Trunk
from tlkit.training.feeding.feed import Inputs
from tlkit.training.feeding.inputs import Change
from tlkit.training.loop.session import Session


def held_out_as_saved(session: Session, stage: str, trunk: Trunk | None) -> Inputs | None:
    """Return what a trunk that ran below float32 gives for validation images at float32.

    Args:
        session: What the stages share.
        stage: Name of the stage.
        trunk: Of its last phase.

    Returns:
        None where there are no validation images, or nothing was run below float32.
    """
    if trunk is None or trunk.asked.exact or session.validation is None:
        return None
    exact = Trunk(trunk.model, session.store, trunk.dtype)
    plan = session.settings.plan(
        session.reporter.step, images_ahead=len(session.validation), executor=session.executor
    )
    return session.prepared(exact, stage, session.validation, Change(), plan).inputs
