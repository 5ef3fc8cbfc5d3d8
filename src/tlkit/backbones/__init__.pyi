# The public names of this room.

from .build import build_backbone as build_backbone
from .registry import (
    get_backbone as get_backbone,
    list_backbones as list_backbones,
)
from .spec import BackboneSpec as BackboneSpec

__all__: list[str]
