"""From the rooms' values to the page's: nothing lost, nothing shown that must not be."""

from __future__ import annotations

import numpy as np
import pytest

from agent import collect, notify, query, rules, web
from agent.app import views
from agent.app.answers import query_answer
from agent.app.expressions import condition_of, selector_matchers
from agent.errors import ParseError
from agent.journal import Event
from agent.model import Alert, Labels
from agent.notify import Channel, Target

LABELS = Labels.of(alertname="Broken", job="rag", severity="critical")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (query.Scalar(5, 2.5), web.Scalar(5, 2.5)),
        (query.String(5, "x"), web.Text(5, "x")),
    ],
)
def test_a_scalar_and_a_string_are_themselves(value, expected):
    answer = query_answer(query.Result(value, ("w",), ("i",)))
    assert (answer.result, answer.warnings, answer.infos) == (expected, ("w",), ("i",))


def test_vectors_and_matrices_keep_labels_times_and_values():
    memory = query.MemoryQueryable()
    memory.add(Labels.of(__name__="a"), [1000, 2000], [1.0, 2.0])
    engine = query.Engine(memory)
    vector = query_answer(engine.instant("a", 2000)).result
    assert (list(vector.labels), vector.values.tolist(), vector.timestamp_ms) == (
        [Labels.of(__name__="a")],
        [2.0],
        2000,
    )
    matrix = query_answer(engine.range("a", 1000, 2000, 1000)).result
    (series,) = matrix.series
    assert isinstance(series.timestamps, np.ndarray)
    assert (series.timestamps.tolist(), series.values.tolist()) == ([1000, 2000], [1.0, 2.0])


def test_a_target_is_shown_with_all_that_the_api_needs():
    status = collect.TargetStatus(
        scrape_pool="rag",
        labels=Labels.of(job="rag"),
        discovered_labels=Labels.of(__address__="h:1"),
        scrape_url="http://h:1/metrics",
        health=collect.Health.DOWN,
        last_error="scrape http://h:1/metrics: x",
        last_scrape_ms=7,
        last_scrape_duration_seconds=0.5,
        scrape_interval_ms=15_000,
        scrape_timeout_ms=10_000,
    )
    assert views.target_view(status) == web.TargetView(
        job="rag",
        url="http://h:1/metrics",
        labels=Labels.of(job="rag"),
        health=web.TargetHealth.DOWN,
        discovered=Labels.of(__address__="h:1"),
        last_error="scrape http://h:1/metrics: x",
        last_scrape_ms=7,
        last_scrape_seconds=0.5,
        interval_ms=15_000,
        timeout_ms=10_000,
    )


@pytest.mark.parametrize("health", collect.Health)
def test_every_health_of_a_target_has_a_word_on_the_page(health):
    assert web.TargetHealth(health.value).value == health.value


@pytest.mark.parametrize(
    ("state", "resolved_ms", "shown"),
    [
        (rules.State.PENDING, None, web.AlertState.PENDING),
        (rules.State.FIRING, None, web.AlertState.FIRING),
        (rules.State.INACTIVE, 9, web.AlertState.RESOLVED),
    ],
)
def test_an_alerts_state_is_the_pages_word_for_it(state, resolved_ms, shown):
    alert = rules.ActiveAlert(
        labels=LABELS,
        annotations=Labels(),
        state=state,
        value=1.0,
        active_at_ms=1,
        fired_at_ms=2,
        resolved_at_ms=resolved_ms,
    )
    view = views.alert_view(alert, lambda labels: (web.Acknowledgement("ana", 5), "silenced by x"))
    assert (view.state, view.acknowledgement.by, view.suppressed) == (shown, "ana", "silenced by x")
    assert (view.active_at_ms, view.fired_at_ms, view.resolved_at_ms) == (1, 2, resolved_ms or 0)


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("inactive", "pending", web.AlertState.PENDING),
        ("pending", "firing", web.AlertState.FIRING),
        ("firing", "inactive", web.AlertState.RESOLVED),
        ("pending", "inactive", web.AlertState.INACTIVE),
    ],
)
def test_a_firing_alert_that_ends_is_resolved_and_a_pending_one_is_not(before, after, shown):
    event = Event(1, "t", "f", 7, {"from": before, "to": after, "value": "NaN", "why": "because", "labels": {}})
    line = views.transition_view(event)
    assert (line.at_ms, line.after, line.reason) == (7, shown, "because")
    assert line.value != line.value


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (Target(Channel.SMS, "+33612345678"), "+336…78"),
        (Target(Channel.SMS, "12345"), "12345"),
        (Target(Channel.WEBHOOK, "https://hooks.example.org/T0/secret"), "hooks.example.org"),
        (Target(Channel.SLACK, "https://hooks.slack.com/services/T/B/xyz"), "hooks.slack.com"),
        (Target(Channel.EMAIL, "ana@example.org"), "ana@example.org"),
        (Target(Channel.SLACK, "#alerts"), "#alerts"),
    ],
)
def test_an_address_is_shown_without_what_is_private_in_it(target, shown):
    assert views.shown_address(target) == shown


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"state": "active"}, ""),
        ({"state": "suppressed", "inhibited_by": ("0123",)}, "held back by ServiceDown"),
        ({"state": "suppressed", "inhibited_by": ("4567",)}, "held back by 4567"),
        ({"state": "suppressed", "silenced_by": ("a", "gone")}, "silenced by ana: “deploying”, gone"),
        ({"state": "suppressed", "muted_by": ("nights",)}, "muted by the time interval nights"),
        ({"state": "active", "muted_by": ("nights",)}, ""),
    ],
)
def test_what_holds_an_alert_back_is_said_in_words(more, said):
    view = notify.AlertView(Alert(LABELS, Labels(), 1), receivers=("team",), **more)
    silences = {"a": notify.Silence("a", (), 1, 2, "ana", "deploying", 1)}
    assert views.why_held(view, lambda each: {"0123": "ServiceDown"}.get(each, each), silences.get) == said


def incident(fingerprints, *steps):
    shown = tuple(notify.StepView(number, due, state, "ack", whom) for number, (due, state, whom) in enumerate(steps))
    return notify.IncidentView("i", "oncall", Labels(), 1, fingerprints, (), None, shown)


def test_the_next_steps_are_those_that_wait_for_this_alert_soonest_first():
    found = views.next_steps(
        [
            incident(("f",), (30, "waiting", ("bob", "chris")), (10, "done", ("ana",)), (20, "waiting", ())),
            incident(("other",), (5, "waiting", ("zoe",))),
        ],
        "f",
    )
    assert found == [web.NextStep(20, "nobody"), web.NextStep(30, "bob and chris")]


@pytest.mark.parametrize(
    ("expression", "condition"),
    [
        ("error_rate > 0.05", "> 0.05"),
        ("(x <= 3)", "<= 3"),
        ("sum(rate(a[5m])) > 2 * 3", "> 2 * 3"),
        ("a > b", ""),
        ("a and b", ""),
        ("vector(1)", ""),
    ],
)
def test_the_comparison_that_an_alert_is_about_is_found(expression, condition):
    assert condition_of(expression) == condition


def test_a_selector_is_taken_and_another_expression_refused():
    assert {each.name for each in selector_matchers('a{b="c"}')} == {"b", "__name__"}
    with pytest.raises(ParseError, match="expected a series selector"):
        selector_matchers("a + b")
