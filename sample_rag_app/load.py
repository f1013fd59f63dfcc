"""`python -m sample_rag_app.load`: ask the sample service questions at a steady rate, as several clients would.

Few questions are asked often and many rarely (Zipf), and some carry a ticket's number, so that they are never in the
cache: the hit ratio settles between 50 and 70 %, and slow answers always show. A service that is away is counted, never
a reason to stop.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Final

import aiohttp
import click

QUESTIONS: Final = Path(__file__).resolve().parent / "questions.txt"
CLIENTS: Final = {"web": 50, "mobile": 25, "chat-bot": 15, "partner": 7, "batch": 3}
SESSIONS: Final = 40
NEW_QUESTION_SHARE: Final = 0.38
MAX_IN_FLIGHT: Final = 400
TIMEOUT_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One question and who asks it."""

    question: str
    client_id: str
    session_id: str


def read_questions(path: Path = QUESTIONS) -> list[str]:
    """Read the questions, most frequent first; blank lines and lines with # are left out."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def asks(questions: list[str], seed: int) -> Iterator[Ask]:
    """Draw questions without end; the same seed draws the same ones."""
    # A seeded generator is wanted here: a run can be repeated.
    chance = random.Random(seed)  # noqa: S311
    ranks = list(accumulate(1 / rank for rank in range(1, len(questions) + 1)))
    while True:
        question = chance.choices(questions, cum_weights=ranks)[0]
        if chance.random() < NEW_QUESTION_SHARE:
            question = f"INC-{chance.randrange(10_000_000)}: {question}"
        client = chance.choices(list(CLIENTS), weights=list(CLIENTS.values()))[0]
        yield Ask(question, client, f"{client}-{chance.randrange(SESSIONS)}")


@dataclass(slots=True)
class Tally:
    """What became of the questions, by outcome, and how long the answers took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    uncached_seconds: list[float] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many questions were asked."""
        return self.outcomes.total()

    def p95_seconds(self) -> float:
        """Return the 95th percentile of the answers that were not cached (nearest rank), 0 without any."""
        ordered = sorted(self.uncached_seconds)
        return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else 0.0

    def summary(self) -> str:
        """Say it in one line."""
        counts = self.outcomes
        answered = counts["cached"] + counts["new"]
        share = 100 * counts["cached"] / answered if answered else 0
        return (
            f"load: {self.asked} questions, {answered} answered ({share:.0f} % cached), {counts['refused']} refused (4xx), "
            f"{counts['failed']} failed (5xx), {counts['unreachable']} unreachable, {counts['skipped']} skipped, "
            f"p95 {self.p95_seconds():.3f} s uncached"
        )


class Load:
    """Asks at a rate until told to stop; the answers may take as long as they like, the rate stays."""

    def __init__(self, url: str, rate: float, plan: Iterator[Ask]) -> None:
        self._url = url.rstrip("/") + "/api/query"
        self._rate = rate
        self._plan = plan
        self._running: set[asyncio.Task[None]] = set()
        self.tally = Tally()

    async def run(self, stop: asyncio.Event, *, duration_seconds: float = 0.0, limit: int = 0) -> Tally:
        """Ask until `stop` is set, the duration is over or `limit` questions were asked (0: no such end)."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        connector = aiohttp.TCPConnector(limit=MAX_IN_FLIGHT)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            number = 0
            while not stop.is_set() and not (limit and number >= limit):
                since_begin = number / self._rate
                if duration_seconds and since_begin >= duration_seconds:
                    break
                if (wait := begin + since_begin - loop.time()) > 0 and await _stopped_within(stop, wait):
                    break
                self._start(session, next(self._plan))
                number += 1
                await asyncio.sleep(0)
            await self._drain()
        return self.tally

    def _start(self, session: aiohttp.ClientSession, ask: Ask) -> None:
        if len(self._running) >= MAX_IN_FLIGHT:
            self.tally.outcomes["skipped"] += 1
            return
        task = asyncio.create_task(self._ask(session, ask))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ask(self, session: aiohttp.ClientSession, ask: Ask) -> None:
        body = {"question": ask.question, "client_id": ask.client_id, "session_id": ask.session_id}
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = "unreachable"
        try:
            async with session.post(self._url, json=body) as reply:
                if reply.status >= 500:
                    outcome = "failed"
                elif reply.status >= 400:
                    outcome = "refused"
                else:
                    outcome = "cached" if (await reply.json())["cached"] else "new"
            if outcome == "new":
                self.tally.uncached_seconds.append(loop.time() - began)
        except (aiohttp.ClientError, TimeoutError, OSError):
            outcome = "unreachable"
        except (ValueError, KeyError, TypeError):
            outcome = "failed"  # an answer that is none of ours
        finally:
            self.tally.outcomes[outcome] += 1

    async def _drain(self) -> None:
        """Wait a little for the answers that are still due, then let go."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _run(load: Load, duration_seconds: float, limit: int) -> Tally:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await load.run(stop, duration_seconds=duration_seconds, limit=limit)


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The service's address.")
@click.option(
    "--rate", type=click.FloatRange(min=0.01, max=2000), default=20.0, show_default=True, help="Questions a second."
)
@click.option("--duration", type=click.FloatRange(min=0), default=0.0, help="Seconds; 0 goes on until SIGTERM.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Questions; 0 has no such end.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed asks the same questions.")
def main(url: str, rate: float, duration: float, limit: int, seed: int) -> None:
    """Ask the sample service questions; the last line says what became of them."""
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url!r} is no http address, such as http://127.0.0.1:8000", param_hint="--url")
    load = Load(url, rate, asks(read_questions(), seed))
    tally = asyncio.run(_run(load, duration, limit))
    click.echo(tally.summary())


if __name__ == "__main__":
    sys.exit(main())
