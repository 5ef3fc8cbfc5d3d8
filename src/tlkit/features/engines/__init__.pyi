# The public names of this room.

from .choice import choose_engine as choose_engine
from .engine import Engine as Engine, EngineSpec as EngineSpec
from .registry import list_engines as list_engines

__all__: list[str]
