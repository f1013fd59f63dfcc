"""What 1,000 SLOs cost: our budget engine against the rules that sloth makes for the same ones, on Prometheus.

Ours: events counted on the page, seven windows and the period of each, its tiers, and the row of `slo:*` series; each row is
encoded as for the disk. Prometheus: sloth's 17 rules for each SLO, scraping alone taken off. Both every 15 s on the same page.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np

from agent.model import Columns, Labels, Row
from agent.slo import Alerting, Events, Rolling, Slo
from agent.slo.budget.counters import Scrapes
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Objective, burns_of
from agent.slo.budget.series import Recorder
from agent.slo.compile import Dialect, Setting, compile_slos, rule_file
from agent.slo.windows import Catalog
from benchmarks.configurations import for_peer, scraping
from benchmarks.measurement import Measurement
from benchmarks.pages import UNIT, Page
from benchmarks.programs import Program, page_server, prometheus

DAY_MS = 86_400_000
PERIOD_MS = 30 * DAY_MS
START_MS = 1_767_225_600_000
REQUESTS = "http_requests_total"


def arguments(parser: ArgumentParser) -> None:
    """Declare what can be asked for."""
    parser.add_argument("--objectives", type=int, default=1_000, help="SLOs, one per route of the page (%(default)s)")
    parser.add_argument("--interval", type=int, default=15, help="seconds of scrape and evaluation (%(default)s)")
    parser.add_argument("--rounds", type=int, default=400, help="of our engine (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=120.0, help="of measuring Prometheus with the rules (%(default)s)"
    )
    parser.add_argument("--without", type=float, default=60.0, help="of measuring it without them (%(default)s)")
    parser.add_argument(
        "--month", type=int, default=20, help="SLOs whose memory after 30 days is measured (%(default)s)"
    )


def measure(asked: Namespace) -> list[Measurement]:
    """Measure our engine in this process, and Prometheus beside it."""
    page = Page(asked.objectives * UNIT, seconds=float(asked.interval))
    slos = _slos(page)
    ours = _ours(slos, page, asked)
    theirs, rules = _theirs(slos, asked)
    return [
        Measurement(
            name=f"budgets of {len(slos):,} SLOs",
            what=f"share of a core, every {asked.interval} s, {len(page.series):,} series on the page",
            unit="of a core",
            ours=ours["share"],
            theirs=theirs,
            ours_how=f"{asked.rounds} rounds of {1000 * ours['round']:.1f} ms",
            theirs_how=f"{rules:,} rules of sloth, with minutes of history; over months each reads more",
            floor=0.05,
            aim=0.01,
            absolute=True,
            details={"bytes per SLO after 30 days": _month(asked.month), "bytes to disk per round": ours["written"]},
        )
    ]


class Disk:
    """Takes what would be written, and counts it."""

    def __init__(self) -> None:
        self.written = 0

    def read(self) -> dict[str, bytes]:
        return {}

    def write(self, put: dict[str, bytes], _drop: object) -> None:
        self.written += sum(map(len, put.values()))


def _slos(page: Page) -> list[Slo]:
    """Return an availability SLO for each route that the page counts requests of."""
    routes = dict.fromkeys(
        tuple(pair for pair in pairs if pair[0] != "code") for name, pairs in page.series if name == REQUESTS
    )
    return [
        Slo(
            "bench",
            f"route{number}",
            99.9,
            Events(_rate((*route, ("code", "500"))), _rate(route)),
            alerting=Alerting("Burn"),
            window=Rolling(PERIOD_MS),
        )
        for number, route in enumerate(routes)
    ]


def _rate(pairs: tuple[tuple[str, str], ...]) -> str:
    matchers = ",".join(f'{name}="{value}"' for name, value in pairs)
    return f"sum(rate({REQUESTS}{{{matchers}}}[{{{{.window}}}}]))"


def _ours(slos: list[Slo], page: Page, asked: Namespace) -> dict[str, float]:
    burns = burns_of(Catalog().windows(PERIOD_MS))
    disk = Disk()
    engine = Engine([Objective.of(each, burns, PERIOD_MS) for each in slos], kept=disk)
    scrapes, recorder = Scrapes(), Recorder("bench")
    columns = Columns(Labels({"__name__": name, **dict(pairs)}) for name, pairs in page.series)
    spent = []
    for number in range(asked.rounds):
        at_ms = START_MS + number * asked.interval * 1000
        row = Row(columns, at_ms, np.asarray(page.words(), dtype=np.float64))
        before = time.process_time()
        scrapes.landed("page", row)
        engine.row(at_ms, scrapes)
        recorder.row(engine.read(at_ms))
        spent.append(time.process_time() - before)
    found = engine.read(at_ms)
    if not (found.windows.total[0] > 0).any() or len(found) != len(slos):
        message = f"the engine counted nothing of {len(slos)} SLOs"
        raise RuntimeError(message)
    mean = statistics.fmean(spent[1:])
    return {"round": mean, "share": mean / asked.interval, "written": disk.written / asked.rounds}


def _theirs(slos: list[Slo], asked: Namespace) -> tuple[float, int]:
    """Return the share of a core that Prometheus takes for the rules, and how many rules it has."""
    compiled = compile_slos(slos, Setting(Dialect.SLOTH, PERIOD_MS))
    rules = sum(len(group.rules) for each in compiled for group in each.groups)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, interval = Path(name), f"{asked.interval}s"
        # Prometheus reads one document of a rule file; sloth's are one file each.
        for number, each in enumerate(compiled):
            (folder / f"{number}.rules.yml").write_text(rule_file([each], Dialect.SLOTH))
        series = str(asked.objectives * UNIT)
        with page_server("--series", series, "--seconds", str(asked.interval), folder=folder) as port:
            settings = scraping(port, 1, interval)
            with prometheus(folder / "peer", for_peer(settings, evaluation=interval)) as program:
                time.sleep(2 * asked.interval)
                idle = _share(program, asked.without)
                with_rules = for_peer(settings, rule_files=[str(folder / "*.rules.yml")], evaluation=interval)
                (folder / "peer" / "prometheus.yml").write_text(with_rules)
                program.reload()
                time.sleep(2 * asked.interval)
                busy = _share(program, asked.seconds)
                groups = program.api("rules")["groups"]
    there = sum(len(each["rules"]) for each in groups)
    if there != rules:
        message = f"Prometheus has {there} rules of {rules}"
        raise RuntimeError(message)
    return busy - idle, rules


def _share(program: Program, seconds: float) -> float:
    before = program.cpu_seconds()
    time.sleep(seconds)
    return (program.cpu_seconds() - before) / seconds


def _month(count: int) -> float:
    """Return the bytes per SLO of a busy service after 30 days, at the grid that each age has."""
    queries = [_rate((("route", str(number)),)) for number in range(count)]
    bad = [_rate((("route", str(number)), ("code", "500"))) for number in range(count)]
    burns = burns_of(Catalog().windows(PERIOD_MS))
    slos = [
        Slo("bench", f"route{number}", 99.9, Events(*pair), window=Rolling(PERIOD_MS))
        for number, pair in enumerate(zip(bad, queries, strict=True))
    ]
    engine = Engine([Objective.of(each, burns, PERIOD_MS) for each in slos], interval_ms=300_000)
    labels = [
        Labels({"__name__": REQUESTS, "route": str(number), "code": code})
        for number in range(count)
        for code in ("200", "500")
    ]
    columns, scrapes, dice = Columns(labels), Scrapes(), np.random.default_rng(1)
    values, at_ms = np.zeros(len(labels)), START_MS
    rates = np.tile([100.0, 0.05], count)
    for days, step_ms in ((27, 300_000), (2.7, 60_000), (0.3, 15_000)):
        for _ in range(round(days * DAY_MS / step_ms)):
            at_ms += step_ms
            values += dice.poisson(rates * step_ms / 1000)
            scrapes.landed("page", Row(columns, at_ms, values.copy()))
            engine.row(at_ms, scrapes)
    return engine.nbytes / count
