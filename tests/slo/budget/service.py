"""A watched service on a virtual clock: counters that rise by requests and errors, and an engine that reads each of its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agent.model import ABSENT_NAN, Columns, Labels, Row
from agent.slo import Events, Rolling, Slo
from agent.slo.budget.counters import Scrapes
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Objective, burns_of
from agent.slo.windows import Catalog

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_767_225_600_000  # 2026-01-01 00:00 UTC
BURNS = burns_of(Catalog().windows(30 * DAY))
BY_ROUTE = Events(
    "sum by (route) (rate(errors_total[{{.window}}]))", "sum by (route) (rate(requests_total[{{.window}}]))"
)
BY_VERSION = Events(
    "sum by (version) (rate(failed_total[{{.window}}]))", "sum by (version) (rate(asked_total[{{.window}}]))"
)
EVENTS = Events("sum(rate(errors_total[{{.window}}]))", "sum(rate(requests_total[{{.window}}]))")


def slo(name="answers", objective=99.9, indicator=EVENTS, **other) -> Slo:
    return Slo("rag", name, objective, indicator, **{"window": Rolling(30 * DAY), **other})


def objective(of: Slo | None = None, burns=BURNS) -> Objective:
    return Objective.of(of or slo(), burns, 30 * DAY)


class Told:
    """Deltas as a test says them: the ratios of sampled SLOs, by id."""

    def __init__(self, **ratios: Sequence[tuple[Labels, float]]) -> None:
        self._ratios = ratios

    def increases(self):
        return ()

    def ratios(self, slo: str):
        return self._ratios.get(slo.replace("-", "_"))


def metric(name: str, **labels: str) -> Labels:
    return Labels({"__name__": name, **labels})


class Service:
    """One target with any counters; a counter is on its page once it was set."""

    def __init__(self, engine: Engine | None = None, at_ms: int = START, **counters: float) -> None:
        self.engine = engine or Engine([objective()])
        self.scrapes = Scrapes()
        self.columns = Columns()
        self.at_ms = at_ms
        self.values: dict[Labels, float] = {metric(name): value for name, value in counters.items()}

    def rise(self, name: str, by: float, **labels: str) -> None:
        key = metric(name, **labels)
        self.values[key] = self.values.get(key, 0.0) + by

    def page(self) -> Row:
        for labels in self.values:
            self.columns.column(labels)
        values = np.full(len(self.columns), ABSENT_NAN)
        for labels, value in self.values.items():
            values[self.columns.find(labels)] = value
        return Row(self.columns, self.at_ms, values)

    def scraped(self, after_ms: int = 15 * SECOND):
        """Let time go on, scrape, and return what opened and closed."""
        self.at_ms += after_ms
        self.scrapes.landed("service", self.page())
        return self.engine.row(self.at_ms, self.scrapes)

    def down(self, after_ms: int = 15 * SECOND):
        self.at_ms += after_ms
        self.scrapes.failed("service", "service: connection refused")
        return self.engine.row(self.at_ms, self.scrapes)

    def read(self, number: int = 0):
        return self.engine.read(self.at_ms).of(number)


def run(service: Service, rows: int, requests: float = 100, errors: float = 0, **labels) -> None:
    """Let so many rows be scraped, each with requests and errors more."""
    for _ in range(rows):
        service.rise("requests_total", requests, **labels)
        service.rise("errors_total", errors, **labels)
        service.scraped()


class Memory:
    """What is kept, in memory."""

    def __init__(self, kept: Mapping[str, bytes] | None = None) -> None:
        self.kept = dict(kept or {})

    def read(self):
        return dict(self.kept)

    def write(self, put, drop):
        for key in drop:
            self.kept.pop(key, None)
        self.kept.update(put)
