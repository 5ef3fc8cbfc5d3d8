"""Tasks of Ray as what `executor=` takes: Ray has no executor of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeVar

from tlkit.errors import FeatureError

Result = TypeVar("Result")


class RayExecutor(Executor):
    """The workers of a Ray cluster, for `extract` and ``StagedTrainer.fit(executor=...)``.

    Connect with ``ray.init(address=...)`` first; without, Ray starts a cluster of this machine. A
    task whose worker is lost is run again by another one, three times at most. Workers need what
    those of any executor need: the same files under the same paths, and the same tlkit and Keras.

    Args:
        **options: Of each task, as ``ray.remote`` takes them: ``num_cpus=4`` for the cores that it
            is given, ``max_retries=0`` to give a task up with its worker. One core by default.

    Raises:
        FeatureError: Ray is not installed, or knows no such option.

    Example:
        >>> import tlkit
        >>> features = tlkit.extract(                                       # doctest: +SKIP
        ...     "mobilenet_v2", data, executor=tlkit.RayExecutor(num_cpus=2))
    """

    def __init__(self, **options: Any) -> None:
        try:
            import ray
        except ImportError as error:
            raise FeatureError(
                "RayExecutor needs Ray. Install it with: pip install 'tlkit[ray]'"
            ) from error
        try:
            self._call = ray.remote(**{"num_cpus": 1, **options})(_call)
        except (TypeError, ValueError) as error:
            raise FeatureError(
                f"RayExecutor({', '.join(f'{k}={v!r}' for k, v in options.items())}): {error}. "
                "Give options of ray.remote, such as num_cpus=2."
            ) from error
        self._ray: Any = ray
        self._lock = threading.Lock()
        self._running: dict[Future[Any], Any] = {}
        self._closed = False

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Have a worker call a function, which both must travel by pickle."""
        future: Future[Result] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("This RayExecutor is shut down and takes no more tasks.")
            # As bytes: arrays that Ray hands over itself are shared, and cannot be written to.
            call = self._ray.cloudpickle.dumps(partial(fn, *args, **kwargs))
            reference = self._call.remote(call)
            self._running[future] = reference
        future.add_done_callback(self._forget)
        reference.future().add_done_callback(partial(self._take, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; the cluster stays."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for future in running:
            if cancel_futures:
                future.cancel()
            if wait and not future.cancelled():
                future.exception()

    def _take(self, future: Future[Any], done: Future[Any]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        else:
            # Ray wraps what a task raised; what it raises itself, as where a worker is lost, not.
            future.set_exception(getattr(error, "cause", None) or error)

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            reference = self._running.pop(future, None)
        if future.cancelled() and reference is not None:
            self._ray.cancel(reference)


def _call(call: bytes) -> Any:
    from ray import cloudpickle

    return cloudpickle.loads(call)()
