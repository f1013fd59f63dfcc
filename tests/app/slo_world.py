"""Objectives of a service on a virtual clock: a real engine, a journal in memory, and the desk that shows both."""

from __future__ import annotations

from agent.app.slo_desk import SloDesk
from agent.journal import MemoryJournal
from agent.model import Labels
from agent.query import Limits
from agent.slo import BudgetStep, Part, Setting, Slo, SloSet
from agent.slo.budget import Engine, Key, Slot, composite
from agent.slo.model import Composite, Events
from agent.store import Store
from tests.slo.budget.service import DAY, MINUTE, START, Service, objective, slo

POLICY = (BudgetStep(0.5, "Look at the errors every week."), BudgetStep(0.25, "Freeze deploys."))


class FakeBudgets:
    """The engine as the agent has it, for one set of objectives."""

    def __init__(self, slos: tuple[Slo, ...], engine: Engine) -> None:
        self.slos = SloSet(slos)
        self.engine = engine
        self.setting = Setting(engine=True)

    @property
    def latest(self):
        return self.engine.read(self.engine.last_ms or 0)

    def composites(self, readings):
        return [composite(each, [readings]) for each in self.slos.slos if each.parts]


class World:
    """`past` fills the period of an SLO with (bad, total) a day; `traffic` lets minutes go on with so many a minute."""

    def __init__(self, *slos: Slo) -> None:
        self.slos = slos or (slo(),)
        engine = Engine([objective(each) for each in self.slos if not each.parts], interval_ms=MINUTE)
        self.budgets = FakeBudgets(self.slos, engine)
        self.service = Service(engine)
        self.journal = MemoryJournal()
        self.store = Store(retention_ms=400 * DAY, max_memory_bytes=2**27)
        self.desk = SloDesk(
            lambda: self.budgets, lambda: self.journal, lambda: self.service.at_ms, lambda: self.store, limits=Limits
        )

    @property
    def now_ms(self) -> int:
        return self.service.at_ms

    def past(self, bad: float, total: float, days: int = 30, of: str = "rag-answers", **group: str) -> World:
        """Fill whole days that end a minute before the first row."""
        end = START - MINUTE
        slots = [Slot(end - (n + 1) * DAY, end - n * DAY, bad, total) for n in reversed(range(days))]
        assert self.budgets.engine.backfill(Key(of, Labels(group)), slots) == days
        return self

    def traffic(self, minutes: int = 5, total: float = 60, bad: float = 0, **labels: str) -> World:
        """Scrape once a minute; the first page is what the second is compared with."""
        for _ in range(minutes + 1):
            self.service.scraped(MINUTE)
            self.service.rise("requests_total", total, **labels)
            self.service.rise("errors_total", bad, **labels)
        return self

    def down(self, minutes: int = 10) -> World:
        for _ in range(minutes):
            self.service.down(MINUTE)
        return self


def healthy(*slos: Slo) -> World:
    """60 % of the budget of a month is left."""
    return World(*slos).past(bad=34.56, total=86_400).traffic()


def low(*slos: Slo) -> World:
    """4 % of the budget of a month is left."""
    return World(*slos).past(bad=82.94, total=86_400).traffic()


def with_policy() -> Slo:
    return slo(budget_policy=POLICY)


def dependent() -> tuple[Slo, ...]:
    """`page` rests on `answers`, which rests on `index`; `index` counts something of its own."""
    other = Events("sum(rate(misses_total[{{.window}}]))", "sum(rate(lookups_total[{{.window}}]))")
    return (
        slo("page", depends_on=("rag-answers",)),
        slo("answers", depends_on=("rag-index",)),
        slo("index", indicator=other, depends_on=("rag-page",)),
    )


def chain() -> tuple[Slo, ...]:
    """A composite of two parts; the second counts failures that the first does not have."""
    other = Events("sum(rate(misses_total[{{.window}}]))", "sum(rate(requests_total[{{.window}}]))")
    whole = slo("chain", objective=99.0, indicator=Composite(), parts=(Part("rag-answers", 1), Part("rag-rerank", 3)))
    return (slo(), slo("rerank", indicator=other), whole)
