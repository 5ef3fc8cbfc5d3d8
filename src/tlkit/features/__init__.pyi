# The public names of this room.

from .engines.engine import EngineSpec as EngineSpec
from .engines.registry import list_engines as list_engines
from .extraction import (
    Features as Features,
    extract as extract,
)
from .fingerprint import trunk_fingerprint as trunk_fingerprint
from .precision.check import PrecisionCheck as PrecisionCheck
from .workers.processes import ProcessExecutor as ProcessExecutor
from .workers.ray_tasks import RayExecutor as RayExecutor

__all__: list[str]
