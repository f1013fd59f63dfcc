"""What a query gave, as a rule reads it: pairs of labels and value. A scalar is a vector of one series without labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import ExecutionError
from agent.model import Labels

if TYPE_CHECKING:
    from agent.model import Histogram


class VectorLike(Protocol):
    """An instant vector: `labels` and `values` of equal length, in the same order."""

    @property
    def labels(self) -> Sequence[Labels]:
        """The label sets."""
        ...

    @property
    def values(self) -> Iterable[float]:
        """The values; a numpy array or a sequence."""
        ...


class ScalarLike(Protocol):
    """A number at an instant."""

    @property
    def value(self) -> float:
        """The number."""
        ...


Query = Callable[[str, int], VectorLike | ScalarLike | float]
"""Answer an expression at an instant (ms); raises QueryError."""


def pairs_of(answer: Any) -> list[tuple[Labels, float]]:
    """Return a vector's or scalar's series; raise ExecutionError for what no rule can use."""
    if isinstance(answer, int | float):
        return [(Labels(), float(answer))]
    labels, values = getattr(answer, "labels", None), getattr(answer, "values", None)
    timestamps = getattr(answer, "timestamps", None)
    if labels is not None and values is not None and timestamps is None:
        plain: Iterable[float] = values.tolist() if hasattr(values, "tolist") else values
        return list(zip(labels, plain, strict=True))
    value = getattr(answer, "value", None)
    if isinstance(value, int | float):
        return [(Labels(), float(value))]
    message = "rule result is not a vector or scalar"
    raise ExecutionError(message)


def histograms_of(answer: Any, samples: Iterable[Labels]) -> list[tuple[Labels, Histogram]]:
    """Return the native histograms of a vector under the labels that its series, in the same order, are recorded by."""
    natives = getattr(answer, "histograms", None)
    if natives is None:
        return []
    return [(labels, each) for labels, each in zip(samples, natives, strict=True) if each is not None]
