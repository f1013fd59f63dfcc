"""A text message fits one segment by construction and never loses severity and name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.notify.messages import Renderer
from agent.notify.messages.gsm7 import septets, to_gsm7
from agent.notify.messages.sms import fit
from tests.notify.messages.stories import alert, notification

RENDERER = Renderer()
PARTS = {
    "head": "CRIT rag HighErrorRate",
    "summary": "one query in ten fails",
    "value": "7% (limit 5%)",
    "since": "since 14:02 UTC",
    "instances": "3 instances",
    "link": "https://a.example/1",
}


def test_what_fits_is_said_in_one_sentence():
    assert fit(PARTS) == (
        "CRIT rag HighErrorRate: one query in ten fails, 7% (limit 5%), since 14:02 UTC, 3 instances https://a.example/1"
    )


@pytest.mark.parametrize(
    ("limit", "gone"),
    [
        (111, []),
        (110, ["link"]),
        (90, ["link", "instances"]),
        (77, ["link", "instances", "value"]),
        (61, ["link", "instances", "value", "summary"]),
        (38, ["link", "instances", "value", "summary", "since"]),
    ],
)
def test_parts_are_dropped_in_order(limit, gone):
    """Link, instances, value, summary, since; the head stays."""
    text = fit(PARTS, limit)
    assert septets(text) <= limit
    assert [name for name in ("link", "instances", "value", "summary", "since") if PARTS[name] not in text] == gone
    assert text.startswith(PARTS["head"])


def test_a_long_summary_is_cut_before_it_is_dropped():
    text = fit(PARTS | {"summary": "the queries of " + "very " * 40 + "many people fail"})
    assert "the queries of very very" in text
    assert ".., since 14:02 UTC" in text
    assert 150 < septets(text) <= 160


def test_a_resolution_says_ok_and_how_long():
    text = RENDERER.sms(notification(alert(end=8), minute=9))
    assert text.startswith("OK rag VeryHighErrorRate: over after 12m")


def test_a_link_to_this_machine_is_left_out():
    """A phone cannot open 127.0.0.1."""
    assert "http" not in RENDERER.sms(notification(alert(), external_url="http://127.0.0.1:9477"))
    assert "https://burnline.example.org" in RENDERER.sms(notification(alert()))


def test_an_escalation_says_that_it_is_one():
    assert "VeryHighErrorRate (call 3)" in RENDERER.sms(notification(alert(), escalation_step=2))


@settings(max_examples=60, deadline=None)
@given(
    name=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,80}", fullmatch=True),
    severity=st.sampled_from(["critical", "warning", "info"]),
    service=st.text(max_size=40),
    summary=st.text(max_size=400),
    value=st.text(max_size=60),
    instance=st.text(max_size=300),
    over=st.booleans(),
)
def test_no_label_makes_it_too_long_or_takes_severity_and_name_away(
    name, severity, service, summary, value, instance, over
):
    """≤ 160 septets of the alphabet, whatever the labels hold."""
    told = alert(
        instance,
        end=0 if over else None,
        alertname=name,
        severity=severity,
        service=service,
        a_summary=summary,
        a_value=value,
    )
    text = RENDERER.sms(notification(told))
    word = "OK" if over else {"critical": "CRIT", "warning": "WARN", "info": "INFO"}[severity]
    assert septets(text) <= 160
    assert text.split(" ", 1)[0] == word
    assert to_gsm7(name) in text
