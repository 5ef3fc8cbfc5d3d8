# The public names of this room.

from .engines.engine import EngineSpec as EngineSpec
from .engines.registry import list_engines as list_engines
from .extraction import (
    Features as Features,
)
from .extraction import (
    extract as extract,
)
from .workers.processes import ProcessExecutor as ProcessExecutor

__all__: list[str]
