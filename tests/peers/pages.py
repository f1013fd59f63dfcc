"""A target whose pages carry their own timestamps and turn only when every scraper has read the one before.

So two programs that scrape at their own pace end up with exactly the same samples.
"""

from __future__ import annotations

import math
import random
import threading

from tests.serving import Answer, Request

STEP_MS = 15_000
LE = ("0.1", "0.5", "1.0", "2.5", "+Inf")


def make_pages(count: int, last_ms: int, seed: int = 7) -> list[str]:
    """Return pages of counters (with resets), gauges, a gap and a classic histogram, STEP_MS apart, up to `last_ms`."""
    dice = random.Random(seed)
    totals = {(route, code): 0.0 for route in ("a", "b", "c") for code in ("200", "500")}
    buckets = {route: [0.0] * len(LE) for route in ("a", "b")}
    pages = []
    for index in range(count):
        at_ms = last_ms - (count - 1 - index) * STEP_MS
        lines = ["# TYPE requests_total counter"]
        for (route, code), value in totals.items():
            value = 0.0 if dice.random() < 0.02 else value + dice.randint(0, 40) * (0.1 if code == "500" else 1)
            totals[route, code] = value
            if not (route == "c" and 30 <= index < 38):
                lines.append(f'requests_total{{route="{route}",code="{code}"}} {value} {at_ms}')
        lines.append("# TYPE temperature gauge")
        lines += [
            f'temperature{{room="{room}"}} {math.sin(index / 5 + number) * 10:.4f} {at_ms}'
            for number, room in enumerate(("hall", "attic", "cellar"))
        ]
        lines.append(f'limits{{room="hall",unit="c"}} 5 {at_ms}')
        lines.append(f'limits{{room="attic",unit="c"}} 7.5 {at_ms}')
        lines.append("# TYPE latency_seconds histogram")
        for route, counts in buckets.items():
            for number in range(dice.randint(0, 30)):
                place = min(int(dice.expovariate(0.8)), len(LE) - 1)
                for bucket in range(place, len(LE)):
                    counts[bucket] += 1
                assert number >= 0
            lines += [
                f'latency_seconds_bucket{{route="{route}",le="{le}"}} {value} {at_ms}'
                for le, value in zip(LE, counts, strict=True)
            ]
            lines.append(f'latency_seconds_count{{route="{route}"}} {counts[-1]} {at_ms}')
            lines.append(f'latency_seconds_sum{{route="{route}"}} {counts[-1] * 0.7:.3f} {at_ms}')
        pages.append("\n".join(lines) + "\n")
    return pages


class TurningPages:
    """Serve the pages; a page turns when each of `readers` (by the start of their User-Agent) has fetched it."""

    def __init__(self, pages: list[str], readers: tuple[str, ...]) -> None:
        self.pages = [page.encode() for page in pages]
        self.readers = readers
        self.number = 0
        self.fetched: set[str] = set()
        self.lock = threading.Lock()
        self.finished = threading.Event()

    def take(self, request: Request) -> Answer:
        """Answer with the page that is up, and turn it when this was the last reader."""
        agent = request.headers.get("User-Agent", "")
        with self.lock:
            body = self.pages[self.number]
            reader = next((each for each in self.readers if agent.startswith(each)), None)
            if reader is not None:
                self.fetched.add(reader)
            if self.fetched == set(self.readers):
                self.fetched.clear()
                if self.number + 1 < len(self.pages):
                    self.number += 1
                else:
                    self.finished.set()
            return Answer(body)
