"""The page of a busy service: histograms, counters and gauges whose values move from scrape to scrape as a real page's do.

A page is a pure function of its size, its seed and how often it was turned, so both sides of a benchmark read the same.
"""

from __future__ import annotations

import re
from itertools import chain

import numpy as np

BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")
"""Ten buckets."""
UNIT = len(BOUNDS) + 5
"""Series of one route: its buckets, sum and count, requests by two codes, a gauge."""
KINDS = {
    "http_request_duration_seconds": "histogram",
    "http_requests_total": "counter",
    "http_queue_depth": "gauge",
    "http_limit": "gauge",
}
ERRORS = 0.0005
"""How many requests fail: half of what an objective of 99.9 % lets pass, so that nobody is called."""
Series = tuple[str, tuple[tuple[str, str], ...]]
"""A name and its labels."""
ROUTES_PER_SERVICE = 100
IDLE = 0.25
"""How many of the routes get no requests at all."""


class Page:
    """A page of `series` series in the text format; each `text()` is the next scrape's.

    A quarter of the routes is idle; the others get requests at rates that differ by orders of magnitude (Poisson counts,
    log-normal rates), so that at each scrape some two thirds of all series move.
    """

    def __init__(self, series: int, *, seed: int = 1, seconds: float = 1.0) -> None:
        self.units, self.padding = divmod(series, UNIT)
        self._dice = np.random.default_rng(seed)
        rates = self._dice.lognormal(1.5, 1.0, self.units) * seconds
        rates[self._dice.random(self.units) < IDLE] = 0.0
        shares = self._dice.dirichlet(np.linspace(3, 0.6, len(BOUNDS)), self.units)
        self._rates = rates[:, None] * shares
        self._errors = ERRORS * rates
        self._middle = np.array([*map(float, BOUNDS[:-1]), 5.0]) * 0.7
        self._each = self._dice.poisson(self._rates * 1000)
        self._sum = self._each @ self._middle
        self._failed = self._dice.poisson(self._errors * 1000)
        self._depth = np.full(self.units, 50.0)
        self.series = [*self._histograms(), *self._requests(), *self._gauges(), *self._constants()]
        self._prefixes = _prefixes(self.series)

    def text(self) -> bytes:
        """Turn the page and return it."""
        return "".join(chain.from_iterable(zip(self._prefixes, self.words(), strict=True))).encode() + b"\n"

    def words(self) -> list[str]:
        """Turn the page and return the values alone, as written, in the order of `series`."""
        self._turn()
        buckets = self._each.cumsum(axis=1)
        width, units = len(BOUNDS) + 2, self.units
        cells = [""] * (units * width)
        for bound in range(len(BOUNDS)):
            cells[bound::width] = map(str, buckets[:, bound].tolist())
        cells[width - 2 :: width] = map(str, self._sum.round(6).tolist())
        cells[width - 1 :: width] = map(str, buckets[:, -1].tolist())
        codes = [""] * (2 * units)
        codes[0::2] = map(str, (buckets[:, -1] - self._failed).tolist())
        codes[1::2] = map(str, self._failed.tolist())
        gauges = map(str, self._depth.round(2).tolist())
        return [*cells, *codes, *gauges, *("1",) * self.padding]

    def _turn(self) -> None:
        news = self._dice.poisson(self._rates)
        self._each += news
        self._sum += news @ self._middle * self._dice.uniform(0.8, 1.2, self.units)
        self._failed += np.minimum(self._dice.poisson(self._errors), news.sum(axis=1))
        moved = self._dice.random(self.units) < 0.7
        self._depth = np.abs(self._depth + moved * self._dice.normal(0, 5, self.units))

    def _histograms(self) -> list[Series]:
        name, found = "http_request_duration_seconds", []
        for unit in range(self.units):
            labels = _route(unit)
            found += [(f"{name}_bucket", (*labels, ("le", bound))) for bound in BOUNDS]
            found += [(f"{name}_sum", labels), (f"{name}_count", labels)]
        return found

    def _requests(self) -> list[Series]:
        return [
            ("http_requests_total", (*_route(unit), ("code", code)))
            for unit in range(self.units)
            for code in ("200", "500")
        ]

    def _gauges(self) -> list[Series]:
        return [("http_queue_depth", _route(unit)) for unit in range(self.units)]

    def _constants(self) -> list[Series]:
        return [("http_limit", (("number", str(number)),)) for number in range(self.padding)]


def line_of(series: Series, *more: tuple[str, str]) -> str:
    """Return `name{labels}` as a page has it."""
    name, labels = series
    pairs = ",".join(f'{key}="{value}"' for key, value in (*labels, *more))
    return f"{name}{{{pairs}}}"


def _route(unit: int) -> tuple[tuple[str, str], ...]:
    service, route = divmod(unit, ROUTES_PER_SERVICE)
    return (("service", f"svc-{service:03d}"), ("route", f"/api/v1/items/{route:03d}"))


def _prefixes(series: list[Series]) -> list[str]:
    """Return what stands before each value: the end of the line before, a family's comments where it begins, the series."""
    found, last = [], ""
    for each in series:
        family = re.sub("_(bucket|sum|count)$", "", each[0])
        comment = f"# TYPE {family} {KINDS[family]}\n" if family != last else ""
        found.append(f"\n{comment}{line_of(each)} ")
        last = family
    return [each.removeprefix("\n") if not at else each for at, each in enumerate(found)]
