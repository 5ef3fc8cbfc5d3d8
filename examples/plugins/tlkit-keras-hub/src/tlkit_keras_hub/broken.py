"""A plugin without backbones that fails as long as a record is broken.

tlkit takes a plugin as a whole: one bad record would cost the user the good ones. So the good
ones come from one plugin, and the bad ones are what another one fails with. tlkit then names them
under its listing and in the error for a backbone that it does not find.
"""

from __future__ import annotations

import tlkit
from tlkit import BackboneSpec
from tlkit.errors import BackboneError
from tlkit_keras_hub.records import records


@tlkit.hookimpl
def tlkit_backbones() -> list[BackboneSpec]:
    """Return nothing.

    Raises:
        BackboneError: Some records are damaged, or their presets are gone or have changed.
    """
    problems = [record.problem for record in records() if record.problem]
    if problems:
        raise BackboneError(
            f"{' '.join(problems)} A record is removed with: python -m tlkit_keras_hub remove NAME."
        )
    return []
