"""A backbone of KerasHub as one layer; importing this module lets Keras load models with it."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="tlkit_keras_hub")
class WholeBackbone(keras.layers.Layer):  # type: ignore[misc]
    """A whole backbone as one layer, for those whose own layers cannot be saved one by one.

    Args:
        backbone: A `keras_hub.models.Backbone` with one image in and one tensor out.
    """

    def __init__(self, backbone: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.backbone = backbone
        self.built = True

    def call(self, image: Any, training: bool | None = None) -> Any:
        """Return what the backbone makes of an image."""
        return self.backbone(self._inputs(image), training=training)

    def compute_output_spec(self, image: Any, training: bool | None = None) -> Any:  # noqa: ARG002
        """Return the shape and type of what `call` returns."""
        return self.backbone.compute_output_spec(self._inputs(image))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return {**super().get_config(), "backbone": backbone}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WholeBackbone:
        """Make the layer anew, without its weights."""
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})

    def _inputs(self, image: Any) -> Any:
        """Return an image in the structure in which the backbone wants it, such as a dict."""
        return keras.tree.map_structure(lambda _: image, self.backbone.input)
