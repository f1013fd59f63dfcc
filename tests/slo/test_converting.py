"""Conversions: what is written is what was read, in every format that can say it; what cannot be said is listed."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.slo import (
    Alert,
    Alerting,
    BudgetStep,
    Calendar,
    Composite,
    Events,
    Exclusion,
    Good,
    Occurrences,
    Part,
    Plugin,
    RatioTimeslices,
    Raw,
    Rolling,
    Slo,
    Source,
    Timeslices,
    convert,
    load_slos,
    read_slos,
    write_slos,
)

MINUTE_MS = 60_000
DAY_MS = 86_400_000
NAMES = st.from_regex(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,8}[A-Za-z0-9]", fullmatch=True)
WORDS = st.text(string.ascii_letters + string.digits + " .,:;#{}[]'\"!?&*-|>%@`\n\té–日", max_size=40).filter(
    lambda text: "{{" not in text
)
PLAIN = WORDS.filter(lambda text: text.strip() != "")
LABEL_NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: not name.startswith("__"))
LABELS = st.dictionaries(LABEL_NAMES, WORDS, max_size=3)
QUERIES = st.sampled_from(
    [
        "sum(rate(answers_total[{{.window}}]))",
        'sum by (route) (increase(errors_total{code=~"5..|429", path!="/a\\\\b"}[{{ .window }}]))',
        "(\n  sum(rate(all_total[{{.window}}]))\n  -\n  sum(rate(seconds_bucket{le='2.5'}[{{.window}}]))\n)\n",
        "sum_over_time(bad[{{.window}}]) # counted elsewhere",
        "max(x) - 0 * sum(rate(y[{{.window}}]))",
    ]
)
ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"])
PAIRS = st.lists(QUERIES, min_size=2, max_size=2, unique=True)
INDICATORS = st.one_of(
    PAIRS.map(lambda pair: Events(*pair)),
    PAIRS.map(lambda pair: Good(*pair)),
    QUERIES.map(Raw),
)
WINDOWS = st.one_of(
    st.just(Rolling()),
    st.integers(1, 400).map(lambda days: Rolling(days * DAY_MS)),
    st.integers(24 * 60, 90 * 24 * 60).map(lambda minutes: Rolling(minutes * MINUTE_MS)),
    st.builds(Calendar, st.sampled_from(["day", "week", "month", "quarter", "year"]), st.just(1), ZONES),
    st.builds(Calendar, st.sampled_from(["week", "month"]), st.integers(2, 6), ZONES, st.just("2026-01-05T00:00:00")),
    st.builds(Calendar, st.just("week"), st.just(1), ZONES, st.just("2026-01-03T12:30:00")),
)
SLICES = st.integers(1, 120).map(lambda minutes: minutes * MINUTE_MS)
BUDGETING = st.one_of(
    st.just(Occurrences()),
    st.builds(Timeslices, SLICES, st.floats(0.01, 1.0)),
    st.builds(RatioTimeslices, SLICES),
)
SPANS = st.tuples(st.integers(0, 4 * 10**12), st.integers(1, 10**10))
EXCLUSIONS = st.one_of(
    st.builds(lambda reason, span, zone: Exclusion(reason, span[0], sum(span), time_zone=zone), PLAIN, SPANS, ZONES),
    st.builds(
        lambda reason, cron, length, zone: Exclusion(reason, cron=cron, duration_ms=length, time_zone=zone),
        PLAIN,
        st.sampled_from(["0 3 * * sun", "*/15 1-5 1,15 jan-mar *"]),
        st.integers(1, 10**9),
        ZONES,
    ),
)
ALERTS = st.builds(Alert, st.just(value=False), LABELS, LABELS)
SILENT = Alert(disabled=True)


@st.composite
def alertings(draw):
    page, ticket = draw(st.sampled_from([(True, True), (True, False), (False, True), (False, False)]))
    if not (page or ticket):
        return Alerting(page=SILENT, ticket=SILENT)
    alerts = [draw(ALERTS) if wanted else SILENT for wanted in (page, ticket)]
    return Alerting(draw(NAMES), draw(LABELS), draw(LABELS), *alerts)


SLOS = st.builds(
    Slo,
    service=NAMES,
    name=NAMES,
    objective=st.one_of(st.floats(1, 99.9999), st.integers(1, 99).map(float)),
    indicator=INDICATORS,
    description=WORDS,
    labels=LABELS,
    alerting=alertings(),
    window=WINDOWS,
    budgeting=BUDGETING,
    min_events=st.integers(0, 10_000),
    exclusions=st.lists(EXCLUSIONS, max_size=2).map(tuple),
    group_by=st.lists(LABEL_NAMES, max_size=2).map(tuple),
    budget_policy=st.lists(st.builds(BudgetStep, st.floats(0, 1), PLAIN), max_size=2).map(tuple),
    depends_on=st.lists(NAMES, max_size=2).map(tuple),
)
SEVERAL = st.lists(SLOS, min_size=1, max_size=3, unique_by=lambda slo: slo.id).map(
    lambda slos: [replace(each, service=slos[0].service) if number else each for number, each in enumerate(slos)]
)
FORMATS = list(Source)


def bare(slo: Slo) -> Slo:
    return replace(slo, source=Source.SLOTH, written=Slo("a", "b", 1, Raw("")).written, place=None)


def sloth(**changes) -> Slo:
    silent = Alerting(page=SILENT, ticket=SILENT)
    slo = Slo("rag-api", "answers", 99.5, Raw("sum(rate(x[{{.window}}]))"), alerting=silent)
    return replace(slo, **changes)


@settings(max_examples=60, deadline=None)
@given(slos=SEVERAL, to=st.sampled_from(FORMATS))
def test_what_loses_nothing_is_read_as_it_was_written(slos, to):
    slos = list({each.id: each for each in slos}.values())
    made = write_slos(slos, to)
    if not made.losses:
        assert {each.id: bare(each) for each in read_slos(made.text, "f.yml").slos} == {each.id: each for each in slos}


@settings(max_examples=60, deadline=None)
@given(slo=SLOS)
def test_sloths_two_forms_lose_nothing_of_an_slo_that_sloth_can_evaluate(slo):
    for to in (Source.SLOTH, Source.KUBERNETES):
        assert [str(each) for each in write_slos([slo], to).losses] == []


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("name", ["in-base.yaml", "in-base-k8s.yaml", "in-multifile.yaml", "in-openslo.yaml"])
def test_sloths_own_files_convert_into_every_format_without_loss(shared, name, to):
    found = load_slos([shared / "sloth" / name])

    made = convert(found, to)

    assert made.losses == ()
    again = read_slos(made.text, "f.yml")
    assert again.warnings == ()
    assert [bare(each) for each in again.slos] == [bare(each) for each in found.slos]


def test_an_object_keeps_its_name_and_its_namespace(shared):
    made = convert(load_slos([shared / "sloth" / "in-multifile-k8s.yaml"]), Source.KUBERNETES)

    written = [(each.written.name, each.written.namespace) for each in read_slos(made.text, "f.yml").slos]
    assert written == [("svc", "test-ns")] * 2 + [("svc-2", "test-ns-2")] * 2


LOSSES = {
    "a program for sloth": (
        [sloth(indicator=Plugin("sloth/http", {"filter": "x"}))],
        Source.OPENSLO,
        ['slo "answers": its SLI is a program for sloth, "sloth/http"'],
    ),
    "labels of an alert that is disabled": (
        [sloth(alerting=Alerting("Burn", page=Alert(), ticket=Alert(disabled=True, labels={"severity": "warning"})))],
        Source.OPENSLO,
        ['slo "answers": labels and annotations of the ticket alert, which is disabled'],
    ),
    "a name of alerts that are disabled": (
        [sloth(alerting=Alerting("Burn", page=SILENT, ticket=SILENT))],
        Source.OPENSLO,
        ['slo "answers": name, labels and annotations of its alerts, which are both disabled'],
    ),
    "a period of seconds": (
        [sloth(window=Rolling(DAY_MS + 1000))],
        Source.OPENSLO,
        ['slo "answers": its period: OpenSLO counts windows in whole minutes, and a day is the least that is read'],
    ),
    "slices of seconds": (
        [sloth(budgeting=RatioTimeslices(90_000))],
        Source.OPENSLO,
        ['slo "answers": the length of its slices: OpenSLO counts in whole minutes, up to a day'],
    ),
    "a composite": (
        [sloth(indicator=Composite(), parts=(Part("rag-api-answers-0"),)), sloth(name="answers-0")],
        Source.SLOTH,
        ['slo "answers": it is a composite, and sloth knows no SLO that is made of others'],
    ),
    "a composite of parts that are elsewhere": (
        [sloth(indicator=Composite(), parts=(Part("other-slo"),))],
        Source.OPENSLO,
        ['slo "answers": its parts: OpenSLO numbers them rag-api-answers-0 and on, and they stand in the same file'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOSSES)
def test_what_a_format_cannot_say_is_listed(case):
    slos, to, expected = LOSSES[case]

    assert [each.message for each in write_slos(slos, to).losses] == expected


def test_a_composite_of_openslo_is_openslo_again():
    parts = (Part("rag-api-answers-0", 3.0), Part("rag-api-answers-1"))
    whole = sloth(objective=99.0, indicator=Composite(), parts=parts, window=Calendar("month"))
    slos = [
        whole,
        *(
            replace(whole, name=f"answers-{number}", indicator=Raw("sum(rate(x[{{.window}}]))"), parts=())
            for number in (0, 1)
        ),
    ]

    made = write_slos(slos, Source.OPENSLO)

    assert made.losses == ()
    assert [bare(each) for each in read_slos(made.text, "f.yml").slos] == slos


def test_what_the_reader_passed_over_is_lost_with_its_place():
    text = write_slos([sloth()], Source.SLOTH).text.replace("objective:", "objectiv: 1\n  objective:")

    assert [str(each) for each in convert(read_slos(text, "f.yml"), Source.OPENSLO).losses] == [
        'f.yml:5:3: slo "answers": unknown key "objectiv"; did you mean "objective"? (sloth passes over it as well)'
    ]


def test_a_query_of_several_lines_stays_on_its_lines():
    text = write_slos(
        [sloth(indicator=Raw("sum(rate(x[{{.window}}]))\n/\nsum(rate(y[{{.window}}]))\n"))], Source.SLOTH
    ).text

    assert "error_ratio_query: |\n        sum(rate(x[{{.window}}]))\n        /\n" in text


def test_what_all_slos_of_a_service_say_is_written_once():
    slos = [
        sloth(name=name, labels={"team": "search", "tier": name}, window=Rolling(7 * DAY_MS)) for name in ("aa", "bb")
    ]

    text = write_slos(slos, Source.SLOTH).text

    assert (text.count("team: search"), text.count("slo_period: 7d")) == (1, 1)
