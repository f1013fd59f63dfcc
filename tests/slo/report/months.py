"""A month of a service, as an engine counted it, and what its alerts did: the story that reports are made of in tests."""

from __future__ import annotations

from agent.model import Labels
from agent.slo import Composite, Exclusion, Part, Rolling, Severity, Slo
from agent.slo.budget.engine import Engine
from agent.slo.report import Material, Override, Turn
from tests.slo.budget.service import BY_VERSION, DAY, HOUR, START, Service, objective, slo

BACKUP = Exclusion("nightly backup", cron="0 3 * * *", duration_ms=HOUR)


def month(
    events=lambda at_ms: (1, 1000), slos=None, *, days=31, dark=(), start=START, step=HOUR
) -> tuple[Service, list[Slo]]:
    """Play days from START (1 January 2026) on; `events` gives (bad, good) of the hour up to an instant.

    dark: stretches (from, until) in days in which the target does not answer.
    """
    slos = slos or [slo()]
    made = [each for each in slos if not each.parts]
    service = Service(
        Engine([objective(each) for each in made], interval_ms=step), at_ms=start - step, requests_total=0.0
    )
    service.values[next(iter(service.values))] = 0.0
    service.rise("errors_total", 0.0)
    service.scraped(step)
    while service.at_ms < start + days * DAY:
        if any(first * DAY <= service.at_ms + step - start - 1 < last * DAY for first, last in dark):
            service.down(step)
            continue
        bad, good = events(service.at_ms + step)
        service.rise("errors_total", bad)
        service.rise("requests_total", bad + good)
        service.scraped(step)
    return service, slos


def released(days: int) -> tuple[Service, list[Slo]]:
    """Each version is asked for ten days, one after the other, with places for two; a budget has a week."""
    by_version = slo(indicator=BY_VERSION, group_by=("version",), window=Rolling(7 * DAY))
    engine = Engine([objective(by_version)], default_period_ms=7 * DAY, interval_ms=HOUR, most_groups=2)
    service = Service(engine, at_ms=START - HOUR)
    service.scraped(HOUR)
    for hour in range(days * 24):
        service.rise("asked_total", 100, version=str(hour // 240 + 1))
        service.rise("failed_total", hour % 2, version=str(hour // 240 + 1))
        service.scraped(HOUR)
    return service, [by_version]


def turn(at_ms: int, fires: bool, severity: Severity = Severity.PAGE, of: str = "rag-answers", **labels: str) -> Turn:
    own = Labels({"burnline_slo": of, "sloth_severity": severity.value, **labels})
    return Turn(at_ms, of, own, severity, fires, own.fingerprint())


def incident(
    began_ms: int, ended_ms: int | None, severity: Severity = Severity.PAGE, of: str = "rag-answers", **labels: str
) -> list[Turn]:
    ends = [] if ended_ms is None else [turn(ended_ms, False, severity, of, **labels)]
    return [turn(began_ms, True, severity, of, **labels), *ends]


def bad_day(at_ms: int) -> tuple[int, int]:
    """Ten of a hundred thousand an hour fail; on the 10th, from 14 to 15, a fifth of them."""
    outage = at_ms - START == 9 * DAY + 15 * HOUR
    return (20_000, 80_000) if outage else (10, 99_990)


def material(service: Service, slos, **other) -> Material:
    return Material(service.engine, slos, **other)


def journey() -> Slo:
    return Slo(
        "rag",
        "journey",
        99.5,
        Composite(),
        parts=(Part("rag-answers", 3.0), Part("rag-search")),
        window=Rolling(30 * DAY),
    )


OVERRIDE = Override(START + 10 * DAY, "rag-answers", "ana", "rollback of 4.2", "stop", 0.03)
