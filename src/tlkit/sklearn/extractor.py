"""FeatureExtractor: what a frozen backbone gives, as a scikit-learn transformer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from tlkit._keras.types import Model
from tlkit._numbers import is_whole
from tlkit.backbones.build import Backbone, ImageSize, build_backbone
from tlkit.backbones.spec import BackboneSpec
from tlkit.errors import FeatureError
from tlkit.sklearn._pictures import Pictures, as_dataset

if TYPE_CHECKING:  # this loads Keras
    from tlkit.data.dataset import ImageDataset
    from tlkit.features.settings import FrozenSettings


class FeatureExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Pictures to the features of a frozen backbone, averaged over the picture, by `tlkit.extract`.

    X is a list or an array of paths, or an array ``(n, height, width, 3)`` of uint8, 0..255, RGB.
    Features are kept, so that cross-validation and searches compute each picture once. Nothing is
    learned, and ``transform`` works at once; but pictures of more than 8 bits are read at the depth
    that ``fit`` found in its own, where there was a fit, and else at one found in those at hand.

    Args:
        backbone: A name, a `tlkit.BackboneSpec`, or a function that returns a keras.Model of raw
            images.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: Of the backbone, as for `tlkit.build_backbone`.
        engine: What runs it: ``"auto"``, or a name of `tlkit.list_engines`.
        cache: Where features are kept, as for `tlkit.extract`.
        random_state: A whole number, from which random weights follow, where ``weights`` is None.
        verbose: 0 shows nothing, 1 a progress bar.

    Example:
        >>> import numpy as np, tlkit.sklearn, tlkit.testing
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> data = tlkit.testing.tiny_dataset()
        >>> extractor = tlkit.sklearn.FeatureExtractor(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False)
        >>> pipeline = make_pipeline(extractor, LogisticRegression(max_iter=1000))
        >>> pixels = data.load(np.arange(48), 16)
        >>> pipeline.fit(pixels, data.labels).score(pixels, data.labels) > 0.9
        True
    """

    depth_: int | None

    def __init__(
        self,
        backbone: Backbone = "efficientnet_v2_b0",
        *,
        image_size: ImageSize | None = None,
        weights: str | Path | None = "imagenet",
        engine: str = "auto",
        cache: bool | str | Path = True,
        random_state: int = 0,
        verbose: int = 0,
    ) -> None:
        self.backbone = backbone
        self.image_size = image_size
        self.weights = weights
        self.engine = engine
        self.cache = cache
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Pictures, y: object = None) -> Self:  # noqa: ARG002 - as scikit-learn calls it
        """Check the settings, and find the depth of pictures of more than 8 bits.

        Args:
            X: Paths, or an array ``(n, height, width, 3)``, uint8, 0..255, RGB.
            y: Not used.

        Returns:
            This extractor.

        Raises:
            DataError: X is something else, or a picture cannot be read.
            tlkit.TlkitError: As for `tlkit.extract`.
        """
        self.depth_ = _depth(as_dataset(X), self._settings())
        return self

    def transform(self, X: Pictures) -> NDArray[np.float32]:
        """Return the features, (n, d), float32.

        Args:
            X: As for `fit`.

        Raises:
            DataError: X is something else, or a picture cannot be read.
            tlkit.TlkitError: As for `tlkit.extract`.
        """
        from tlkit.features.extraction import extract

        asked = self._settings()
        found = extract(
            _kept(asked),
            as_dataset(X, depth=getattr(self, "depth_", None)),
            image_size=asked.image_size,
            weights=asked.weights,
            engine=asked.engine,
            cache=asked.cache,
            seed=asked.seed,
            verbose=self.verbose,
        )
        return np.array(found, np.float32).reshape(len(found), -1)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return a name for each feature: that of the backbone, with a number.

        Args:
            input_features: Not used: the features of a picture have no names.

        Example:
            >>> import tlkit.sklearn
            >>> tlkit.sklearn.FeatureExtractor("xception").get_feature_names_out()[-1]
            'xception_2047'
        """
        backbone = self._settings().backbone
        if isinstance(backbone, BackboneSpec):
            name, count = backbone.name, backbone.feature_count
        else:
            name, count = _name_and_count(self._settings())
        return np.array([f"{name}_{number}" for number in range(count)], object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _settings(self) -> FrozenSettings:
        """Return the settings of `tlkit.extract`, which check themselves."""
        from tlkit.features.settings import FrozenSettings

        if not is_whole(self.random_state):
            raise FeatureError(
                f"random_state={self.random_state!r}; expected a whole number, so that every "
                "transform has the same network. Leave it out where weights are given."
            )
        return FrozenSettings(
            self.backbone,
            image_size=self.image_size,
            weights=self.weights,
            engine=self.engine,
            cache=self.cache,
            seed=self.random_state,
        )


def _depth(images: ImageDataset, asked: FrozenSettings) -> int | None:
    """Return the depth of pictures, after a read of the files that the store does not know."""
    from tlkit.features.store.store import open_store

    with open_store(asked.cache) as store:
        scans = store.scans()
        try:
            images.scan(scans, decoded=False).raise_if_any()
        finally:
            scans.save()
    return images.depth


def _kept(asked: FrozenSettings) -> Backbone:
    """Return the backbone, or what gives the one that was built before.

    scikit-learn makes a new extractor for each fold and each setting of a search, and building a
    network takes seconds. A file of weights may change and a function may say something else.
    """
    spec, size, weights = asked.backbone, asked.image_size, asked.weights
    named = weights is None or isinstance(weights, str)
    if not isinstance(spec, BackboneSpec) or not named or weights not in (None, *spec.weights):
        return spec
    # Called where a spec would be built, and so under the same seed.
    size = tuple(size) if isinstance(size, list) else size
    from tlkit.freezing.own_copies import NeverTrained

    return NeverTrained(_built, spec, size, weights, asked.seed)


@lru_cache(maxsize=1)
def _built(
    spec: BackboneSpec,
    image_size: ImageSize | None,
    weights: str | None,
    seed: int,  # noqa: ARG001 - random weights follow from it where this is called
) -> Model:
    model: Model = build_backbone(spec, image_size=image_size, weights=weights)
    return model


def _name_and_count(settings: FrozenSettings) -> tuple[str, int]:
    model = build_backbone(
        settings.backbone, image_size=settings.image_size, weights=settings.weights
    )
    return model.name, int(model.output_shape[-1])
