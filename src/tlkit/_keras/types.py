"""What tlkit uses of Keras's objects, as protocols: Keras ships no types of its own.

Only what the code asks for is named, so that anything that behaves like it will do, and a checker
finds where tlkit asks for more. Arguments are positional where Keras calls them differently from
class to class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # listing backbones loads no NumPy
    from numpy.typing import ArrayLike, NDArray

Shape = tuple[int | None, ...]
# Figures of an epoch or a batch, as callbacks get them.
Logs = Mapping[str, float]


class Tensor(Protocol):
    """A symbolic tensor, or one of the backend."""

    @property
    def shape(self) -> Shape:
        """Sides; None for those that are not fixed."""

    @property
    def dtype(self) -> Any:
        """Type of its numbers, text in Keras, an object in some backends."""

    def __getitem__(self, key: object, /) -> Any: ...

    def __add__(self, other: object, /) -> Any: ...

    def __mul__(self, other: object, /) -> Any: ...


class SymbolicTensor(Tensor, Protocol):
    """A tensor of a model's graph."""

    @property
    def name(self) -> str:
        """Its name in the graph."""


class Variable(Tensor, Protocol):
    """A weight, or a state such as a generator of random numbers."""

    @property
    def path(self) -> str:
        """Where it stands in its model."""

    @property
    def value(self) -> Any:
        """The backend's tensor."""

    def assign(self, value: ArrayLike, /) -> object:
        """Give it a value."""

    def __array__(self) -> NDArray[Any]: ...


class Operation(Protocol):
    """A node of a model's graph: a layer, or a function of ``keras.ops``."""

    def __call__(self, *given: object, **settings: object) -> Any:
        """Run it on tensors, in whatever structure it takes."""

    @property
    def name(self) -> str:
        """Its name in the model."""

    @property
    def input(self) -> Tensor | Sequence[Tensor]:
        """What goes in, in the first graph that it stands in."""

    @property
    def output(self) -> Tensor | Sequence[Tensor]:
        """What comes out there."""


class Layer(Operation, Protocol):
    """A layer; every model is one too."""

    trainable: bool

    @property
    def weights(self) -> Sequence[Variable]:
        """All weights."""

    @property
    def trainable_weights(self) -> Sequence[Variable]:
        """Those that training changes."""

    @property
    def trainable_variables(self) -> Sequence[Variable]:
        """The same, as optimizers call them."""

    @property
    def variables(self) -> Sequence[Variable]:
        """All weights, and the states of random numbers."""

    @property
    def dtype_policy(self) -> Any:
        """As what it computes and keeps its weights."""

    def get_config(self) -> dict[str, Any]:
        """Return its settings."""

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the values of its weights."""


class Predictor(Protocol):
    """What can be asked about a batch of images; every model can."""

    def predict_on_batch(self, batch: NDArray[Any], /) -> Any:
        """Return the outputs for one batch."""


class Model(Layer, Predictor, Protocol):
    """A ``keras.Model`` of one input and one output."""

    @property
    def layers(self) -> Sequence[Layer]:
        """Its layers, not those of the models in it."""

    @property
    def inputs(self) -> Sequence[SymbolicTensor]:
        """Symbolic tensors that go in."""

    @property
    def outputs(self) -> Sequence[SymbolicTensor]:
        """Symbolic tensors that come out."""

    @property
    def input_shape(self) -> Shape:
        """Of a batch."""

    @property
    def output_shape(self) -> Shape:
        """Of a batch."""

    @property
    def non_trainable_variables(self) -> Sequence[Variable]:
        """What training does not change by gradients."""

    def count_params(self) -> int:
        """Return how many numbers its weights are."""

    def stateless_call(self, *given: object, **settings: object) -> Any:
        """Run it with other values in the place of its variables."""

    def set_weights(self, weights: Sequence[NDArray[Any]], /) -> None:
        """Put values into its weights."""

    def load_weights(self, file: Path, /) -> None:
        """Read its weights from a file."""

    @property
    def operations(self) -> Sequence[Operation]:
        """Its layers and the functions between them, in the order of the graph."""

    def save_weights(self, file: Path, /) -> None:
        """Write its weights into a file."""

    def save(self, file: Path, /) -> None:
        """Write it into a file."""

    def export(self, file: Path, /, **settings: object) -> None:
        """Write it for another framework."""

    def compile(self, *settings: object, **named: object) -> None:
        """Say how it is trained."""

    def fit(self, *data: object, **settings: object) -> Any:
        """Train it."""


class Optimizer(Protocol):
    """A ``keras.optimizers.Optimizer``."""

    name: str
    learning_rate: Any
    use_ema: bool
    gradient_accumulation_steps: int | None

    @property
    def built(self) -> bool:
        """Whether it has its variables."""

    def build(self, variables: Sequence[Variable], /) -> None:
        """Make its variables, for the weights that it is going to train."""

    @property
    def variables(self) -> Sequence[Variable]:
        """Its moments and counters."""


class KerasLoss(Protocol):
    """A ``keras.losses.Loss``."""

    def __call__(self, y_true: Any, y_pred: Any, /) -> Any:
        """Return what is to be lowered, for a batch."""


class KerasMetric(Protocol):
    """A ``keras.metrics.Metric``."""

    name: str

    def update_state(self, y_true: Any, y_pred: Any, /) -> Any:
        """Count a batch."""

    def result(self) -> Any:
        """Return the figure of all batches so far."""


class Callback(Protocol):
    """A ``keras.callbacks.Callback``: what a training asks at its marks."""

    def set_model(self, model: Layer, /) -> None:
        """Tell it which model is trained."""

    def set_params(self, params: Mapping[str, object], /) -> None:
        """Tell it for how long, and how much is shown."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Take the start of a training, before the first epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Take the figures of an epoch, after it."""


class HasModel(Protocol):
    """What holds a model, as a `TrainingResult` does."""

    @property
    def model(self) -> Predictor:
        """The model."""


# What is asked about may be a model, or what training gave.
ModelOrResult = Predictor | HasModel
