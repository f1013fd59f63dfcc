"""Samples of a Prometheus-compatible API as records: raw, by range selectors, whatever is refused as too much in halves.

It opens no connection: it is given what asks. The API does not say where a series ended, so a gap is one until it goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from agent.errors import BurnlineError, InvalidInput
from agent.model import Block, Labels, Matcher, absent_row, format_rfc3339
from agent.replay.fetching import Ask, Stamps, Values, asked
from agent.replay.slos.records import Series

AskOver = Callable[[str, int, int, int], Sequence[Mapping[str, Any]]]
"""Answer a query from an instant (ms) to another by steps with the `result` of the API's matrix; raises BurnlineError."""


class Remote:
    """Records behind an API. `samples` counts what came."""

    def __init__(self, ask: Ask, ask_over: AskOver) -> None:
        self._ask, self._ask_over = ask, ask_over
        self.samples = 0

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Block]:
        """Return the samples with start ≤ timestamp ≤ end; raise BurnlineError, saying of when, where they cannot be had."""
        text = f"{{{','.join(map(str, matchers))}}}"
        found: dict[Labels, list[tuple[Stamps, Values]]] = {}
        for labels, stamps, values in _read(asked(self._ask, text, start_ms - 1, end_ms), text, start_ms, end_ms):
            found.setdefault(labels, []).append((stamps, values))
            self.samples += len(stamps)
        whole = {labels: _joined(parts) for labels, parts in found.items()}
        together: dict[bytes, list[Labels]] = {}
        for labels, (stamps, _) in whole.items():
            together.setdefault(stamps.tobytes(), []).append(labels)
        return [_block(each, whole) for each in together.values() if len(whole[each[0]][0])]

    def ratios(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Iterator[Series]:
        """Answer a query at start, start + step, … up to end."""
        yield from _read(self._ask_over(query, start_ms, end_ms, step_ms), query, start_ms, end_ms)


def _read(
    result: Sequence[Mapping[str, Any]] | Iterator[Mapping[str, Any]], what: str, start_ms: int, end_ms: int
) -> Iterator[Series]:
    try:
        for series in result:
            points = series.get("values") or ()
            stamps = np.array([round(float(at) * 1000) for at, _ in points], np.int64)
            values = np.array([float(value) for _, value in points], np.float64)
            # Before Prometheus 3 a range has both its ends.
            kept = (stamps >= start_ms) & (stamps <= end_ms)
            yield Labels(series["metric"]), stamps[kept], values[kept]
    except BurnlineError as error:
        message = f"fetching {what} up to {format_rfc3339(end_ms)}: {error}"
        raise type(error)(message) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"fetching {what}: the answer has not the form of Prometheus' API; is that one of its servers?"
        raise InvalidInput(message) from error


def _joined(parts: Sequence[tuple[Stamps, Values]]) -> tuple[Stamps, Values]:
    if len(parts) == 1:
        return parts[0]
    stamps, places = np.unique(np.concatenate([each for each, _ in parts]), return_index=True)
    return stamps, np.concatenate([each for _, each in parts])[places]


def _block(labels: Sequence[Labels], whole: Mapping[Labels, tuple[Stamps, Values]]) -> Block:
    stamps = whole[labels[0]][0]
    values = np.tile(absent_row(len(labels)), (len(stamps), 1))
    for column, each in enumerate(labels):
        values[:, column] = whole[each][1]
    return Block(tuple(labels), stamps, values, dense=True)
