# The public names of this room.

from .engines.registry import list_engines as list_engines
from .engines.spec import EngineSpec as EngineSpec
from .extraction import (
    Features as Features,
)
from .extraction import (
    extract as extract,
)
from .workers.processes import ProcessExecutor as ProcessExecutor
