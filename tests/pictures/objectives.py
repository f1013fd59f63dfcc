"""The pictures of objectives: the shipped ones over five weeks of a service that is busy by day, and has an outage in the end.

The engine counts them as it counts scrapes; the desk, the pages and the report are those of the agent.
"""

from __future__ import annotations

import asyncio
import io
import math
from pathlib import Path
from typing import Final

from aiohttp.test_utils import TestClient, TestServer
from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI

from agent.app.slo_desk import SloDesk
from agent.cli.slo_status import table
from agent.demo.story import tell
from agent.demo.table import Snapshot, render
from agent.journal import MemoryJournal
from agent.model import Labels
from agent.query import Limits
from agent.slo import SloSet, read_slos
from agent.slo.budget import Engine, Key, Slot
from agent.slo.report import Material, Override, asked, make_report, write_report
from agent.store import Store
from agent.web import FakeHandles, create_app
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, Service, objective
from tests.slo.report.months import incident

ROOT: Final = Path(__file__).resolve().parents[2]
NOW_MS: Final = 1_770_026_400_000  # Mon 2 Feb 2026, 10:00 UTC
LIVE_MS: Final = 8 * HOUR
PAST_MS: Final = 40 * DAY
OUTAGES: Final = {
    "rag-availability": (
        (1_768_485_600_000, 5_100),
        (1_769_162_400_000, 1_900),
    ),  # Thu 15 Jan and Fri 23 Jan, 14:00 and 10:00
    "rag-answer-time": ((1_769_162_400_000, 6_000),),
}
SHARES: Final = {
    "rag-availability": 0.00016,
    "rag-answer-time": 0.021,
    "rag-cached-answers": 0.0012,
    "rag-ingestion": 0.0002,
}
BUSY: Final = {"rag-availability": 40_000, "rag-answer-time": 24_000, "rag-cached-answers": 15_000, "rag-ingestion": 40}


def busy(at_ms: int) -> float:
    """Return how busy an hour is, 0.1 by night and 1 at noon, half of it on weekends."""
    days = at_ms / DAY
    week = 0.5 if int(days + 3) % 7 >= 5 else 1.0
    return week * (0.55 - 0.45 * math.cos(2 * math.pi * days))


class Weeks:
    """Five weeks as slots, then eight hours of scrapes every 15 s, in whose last half hour one query in fifty fails."""

    def __init__(self) -> None:
        path = ROOT / "rules" / "slos" / "rag.yml"
        self.slos = SloSet(read_slos(path.read_text(), "rules/slos/rag.yml").slos)
        self.engine = Engine([objective(each) for each in self.slos.slos])
        self.service = Service(self.engine, at_ms=NOW_MS - LIVE_MS)
        self.journal = MemoryJournal()
        self.documents = 0.0
        store = Store(retention_ms=DAY, max_memory_bytes=2**20)
        self.desk = SloDesk(lambda: self, lambda: self.journal, lambda: NOW_MS, lambda: store, limits=Limits)  # type: ignore[arg-type, return-value]
        self.engine.backfill_all({Key(each.id, Labels()): self._past(each.id) for each in self.slos.slos})
        self._live()

    @property
    def latest(self):
        """The budgets now."""
        return self.engine.read(NOW_MS)

    def composites(self, readings):
        """Return none: there are none."""
        return ()

    def between(self, from_ms, until_ms, *, excluding=True):
        """Return what happened in a stretch."""
        return self.engine.between(from_ms, until_ms, excluding=excluding)

    def _past(self, of: str) -> list[Slot]:
        slots = []
        outages = dict(OUTAGES.get(of, ()))
        start = (NOW_MS - LIVE_MS - PAST_MS) // HOUR * HOUR
        for at_ms in range(start, NOW_MS - LIVE_MS - HOUR + 1, HOUR):
            total = round(BUSY[of] * busy(at_ms))
            bad = min(round(total * SHARES[of] * (1.5 + math.sin(at_ms))) + outages.get(at_ms, 0), total)
            slots.append(Slot(at_ms, at_ms + HOUR, bad, total))
        return slots

    def _live(self) -> None:
        bad = dict.fromkeys(BUSY, 0.0)
        self._scrape(0, bad)
        while self.service.at_ms < NOW_MS:
            part = 15 * SECOND / HOUR * busy(self.service.at_ms)
            for of in bad:
                bad[of] += BUSY[of] * part * SHARES[of]
            if self.service.at_ms >= NOW_MS - 26 * MINUTE:
                bad["rag-availability"] += BUSY["rag-availability"] * part * 0.05
            self._scrape(part, bad)

    def _scrape(self, part: float, bad: dict[str, float]) -> None:
        """Let counters rise by a share of an hour's events, those that failed by whole ones, and read the page."""
        failed = {of: math.floor(many) for of, many in bad.items()}
        for of, many in failed.items():
            bad[of] -= many
        self.documents += BUSY["rag-ingestion"] * part
        handed, self.documents = divmod(self.documents, 1)
        rise = self.service.rise
        rise("rag_queries_total", failed["rag-availability"], job="rag", status="error")
        for of, status, limit in (("rag-answer-time", "success", "2.5"), ("rag-cached-answers", "cached", "0.5")):
            answered = max(round(BUSY[of] * part), failed[of])
            rise("rag_queries_total", answered, job="rag", status=status)
            rise("rag_query_duration_seconds_count", answered, job="rag", status=status)
            rise("rag_query_duration_seconds_bucket", answered - failed[of], job="rag", status=status, le=limit)
        rise("rag_ingested_documents_total", handed, job="rag", result="success")
        rise("rag_ingested_documents_total", 0, job="rag", result="error")
        self.service.scraped()


TERMINAL: Final = """<!DOCTYPE html><meta charset="utf-8"><style>{stylesheet}
body {{ background: {background}; color: {foreground}; margin: 14px 18px }}
pre {{ font: 16px/1.2 "DejaVu Sans Mono", monospace }}</style><pre>{code}</pre>"""


def terminal(shown: RenderableType, width: int) -> str:
    """Return a page that looks as a terminal of so many characters does."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True)
    console.print(shown)
    return console.export_html(theme=MONOKAI, code_format=TERMINAL)


async def write_objectives(folder: Path) -> None:
    """Write how objectives stand in a terminal and on their page, and the report of January, into `folder`."""
    weeks = Weeks()
    (folder / "slo-status.html").write_text(terminal(table(await weeks.desk.status(), 86), 86))
    async with TestClient(TestServer(create_app(FakeHandles(now=NOW_MS), slo_handles=weeks.desk))) as client:
        (folder / "slos.html").write_text(await (await client.get("/slos")).text())
    turns = []
    for of, outages in OUTAGES.items():
        for at_ms, _ in outages:
            turns += incident(at_ms + 2 * MINUTE, at_ms + 74 * MINUTE, of=of)
    passed = Override(1_769_180_400_000, "rag-availability", "ana", "rollback of 4.2", "stop", 0.31)
    material = Material(
        weeks, weeks.slos.slos, turns=tuple(sorted(turns, key=lambda each: each.at_ms)), overrides=(passed,)
    )
    report = make_report(material, asked("last-month", "UTC", NOW_MS))
    (folder / "slo-report.html").write_text(write_report(report, "html"))


async def write_demo(folder: Path, at_s: float = 47) -> None:
    """Run the demo until an instant of it, and write its terminal as it is then into `folder`."""
    seen: list[Snapshot] = []
    (folder / "demo").mkdir()
    await tell(folder / "demo", 1, at_s, seen.append, asyncio.Event())
    (folder / "demo.html").write_text(terminal(render(seen[-1]), 112))
