"""ImageClassifier: tlkit's training as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tlkit.backbones.build import Backbone, ImageSize
from tlkit.freezing.own_head import GivenHead
from tlkit.learning_rate.rate import LearningRate
from tlkit.sklearn._labels import Labels, encoded
from tlkit.sklearn._pictures import Pictures, as_dataset
from tlkit.training.recipes.changes import Asked
from tlkit.training.stage import Stage

if TYPE_CHECKING:  # these load Keras
    from tlkit.sklearn._fitted import FittedModel
    from tlkit.training.result import TrainingResult


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of pictures for scikit-learn's pipelines, searches and cross-validation.

    X is a list or an array of paths, or an array ``(n, height, width, 3)`` of uint8, 0..255, RGB; y
    holds text or numbers. Features of the frozen part are kept as for `tlkit.StagedTrainer`, so
    that a search computes each picture once for each backbone and size. ``sample_weight`` is not
    supported: ``fit`` does not take it; a `tlkit.Stage` has ``class_weight``. A fitted classifier
    can be pickled: its model goes in as the bytes of a ``.keras`` file.

    Args:
        backbone: A name, a `tlkit.BackboneSpec`, or a function that returns a keras.Model of raw
            images.
        stages: What to do, as for `tlkit.StagedTrainer`; what `tlkit.fine_tune` does where None.
        validation: Share of the pictures that ``fit`` holds out to choose the best epoch, or None
            to train on all of them.
        epochs: Without ``stages``, as for `tlkit.fine_tune`, and so are the next three.
        learning_rate: Of fine-tuning.
        augmentation: Of fine-tuning, as for `tlkit.fine_tune`; ``"suggested"`` looks for it anew in
            every ``fit``.
        batch_size: Of both stages.
        head: The classification head.
        image_size: Side in pixels, or (height, width); the backbone's default where None.
        weights: Of the backbone, as for `tlkit.build_backbone`.
        engine: What runs the frozen part.
        cache: Where its features are kept, as for `tlkit.StagedTrainer`.
        random_state: Every random choice follows from it: a whole number, a
            ``numpy.random.RandomState``, or None for another training each time.
        verbose: 0 shows nothing, 1 a progress bar and a line for each stage.

    Example:
        >>> import numpy as np, tlkit, tlkit.sklearn, tlkit.testing
        >>> data = tlkit.testing.tiny_dataset()
        >>> X, y = data.load(np.arange(48), 16), data.labels
        >>> stage = tlkit.Stage("head", epochs=8, learning_rate=0.05)
        >>> classifier = tlkit.sklearn.ImageClassifier(
        ...     tlkit.testing.tiny_backbone(), weights=None, cache=False, stages=[stage])
        >>> classifier.fit(X, y).predict_proba(X).shape
        (48, 3)
    """

    classes_: NDArray[Any]
    _fitted: FittedModel

    def __init__(
        self,
        backbone: Backbone = "efficientnet_v2_b0",
        *,
        stages: Sequence[Stage] | None = None,
        validation: float | None = 0.2,
        epochs: int | None = None,
        learning_rate: LearningRate = 5e-4,
        augmentation: Asked = None,
        batch_size: int = 32,
        head: GivenHead | None = None,
        image_size: ImageSize | None = None,
        weights: str | Path | None = "imagenet",
        engine: str = "auto",
        cache: bool | str | Path = True,
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ) -> None:
        self.backbone = backbone
        self.stages = stages
        self.validation = validation
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.augmentation = augmentation
        self.batch_size = batch_size
        self.head = head
        self.image_size = image_size
        self.weights = weights
        self.engine = engine
        self.cache = cache
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Pictures, y: Labels) -> Self:
        """Train on pictures.

        Args:
            X: Paths, or an array ``(n, height, width, 3)``, uint8, 0..255, RGB.
            y: n labels, text or numbers.

        Returns:
            This classifier.

        Raises:
            DataError: Pictures or labels are not what is described above.
            SplitError: A class has too few pictures to hold one out.
            tlkit.TlkitError: As for `tlkit.fine_tune` and `tlkit.StagedTrainer`.
        """
        classes, codes, names = encoded(y)
        images = as_dataset(X, codes, names)

        from tlkit.sklearn._fitted import FittedModel
        from tlkit.sklearn._training import trained

        result = trained(self, images)
        self.classes_, self._fitted = classes, FittedModel(result)
        return self

    def predict(self, X: Pictures) -> NDArray[Any]:
        """Return the most probable label of each picture, (n,), as ``classes_`` has them.

        Before `fit` it raises scikit-learn's ``NotFittedError``, as the others do.

        Args:
            X: As for `fit`.

        Raises:
            DataError: X is something else, or a picture cannot be read.
        """
        columns = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[columns]
        return labels

    def predict_proba(self, X: Pictures) -> NDArray[np.float32]:
        """Return the probability of each class, (n, classes), columns in the order of ``classes_``.

        Args:
            X: As for `fit`.

        Raises:
            DataError: As for `predict`.
        """
        check_is_fitted(self)
        images = as_dataset(X, depth=self._fitted.depth)
        return self._fitted.probabilities(
            images, engine=self.engine, cache=self.cache, verbose=self.verbose
        )

    @property
    def result_(self) -> TrainingResult:
        """What the training gave, to be saved, evaluated or reported; its classes are text."""
        check_is_fitted(self)
        return self._fitted.result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
