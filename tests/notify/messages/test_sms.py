"""A text message fits one segment by construction and never loses severity and name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.notify.messages import Renderer
from agent.notify.messages.gsm7 import septets, to_gsm7
from agent.notify.messages.segments import segments
from agent.notify.messages.sms import DROPPED_IN_ORDER, Problem, bundle, fit
from tests.notify.messages.stories import alert, notification

RENDERER = Renderer()
PARTS = {
    "head": "CRIT rag HighErrorRate",
    "summary": "one query in ten fails",
    "value": "7% (limit 5%)",
    "since": "since 14:02 UTC",
    "instances": "3 instances",
    "link": "https://a.example/1",
    "ack": "Ack: reply 482193",
}


def test_what_fits_is_said_in_one_sentence():
    assert fit(PARTS) == (
        "CRIT rag HighErrorRate: one query in ten fails, 7% (limit 5%), since 14:02 UTC, 3 instances. Ack: reply 482193 "
        "https://a.example/1"
    )


@pytest.mark.parametrize("dropped", range(len(DROPPED_IN_ORDER) + 1))
def test_parts_are_dropped_in_order(dropped):
    """Link, instances, value, summary, since, code; the head stays. Each is dropped only when it has to be."""
    gone = DROPPED_IN_ORDER[:dropped]
    long = "x" * (150 - len(PARTS["head"]))
    told = fit(PARTS | dict.fromkeys(gone, ""))
    crowded = {"head": "C" * (160 - len(told)) + PARTS["head"]}
    text = fit(PARTS | crowded | {name: long for name in gone if name != "summary"})
    assert segments(text) == 1
    assert [name for name in DROPPED_IN_ORDER if PARTS[name] not in text] == list(gone)
    assert text.startswith(crowded["head"])


def test_a_long_summary_is_cut_before_it_is_dropped():
    text = fit(PARTS | {"summary": "the queries of " + "very " * 40 + "many people fail"})
    assert "the queries of very very" in text
    assert ".., since 14:02 UTC" in text
    assert 150 < septets(text) <= 160


def test_how_many_more_there_are_is_not_cut_off_with_the_rest_of_a_long_summary():
    text = fit(PARTS | {"summary": "the queries of " + "very " * 40 + "many people fail (and 12 more)"})
    assert ".. (and 12 more), since 14:02 UTC" in text
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
    most=st.integers(min_value=1, max_value=4),
)
def test_no_label_makes_it_too_long_or_takes_severity_and_name_away(
    name, severity, service, summary, value, instance, over, most
):
    """As many parts as allowed at most, in either alphabet, whatever the labels hold."""
    told = alert(
        instance,
        end=0 if over else None,
        alertname=name,
        severity=severity,
        service=service,
        a_summary=summary,
        a_value=value,
    )
    text = RENDERER.sms(
        notification(told, ack_code="482193", ack_url="https://burnline.example.org/a/" + "x" * 47), most
    )
    word = "OK" if over else {"critical": "CRIT", "warning": "WARN", "info": "INFO"}[severity]
    assert segments(text) <= most
    assert text.split(" ", 1)[0] == word
    assert to_gsm7(name) in text


def test_another_script_is_kept_and_shorter():
    """Seventy units, for the words would all be question marks in the phone's own alphabet."""
    text = RENDERER.sms(notification(alert(alertname="ВысокаяДоляОшибок", a_summary="каждый десятый запрос падает")))
    assert text.startswith("CRIT rag ВысокаяДоляОшибок: каждый десятый запрос")
    assert segments(text) == 1


def test_greek_is_written_in_capitals_and_stays_cheap():
    text = RENDERER.sms(notification(alert(a_summary="Σφάλμα υπηρεσίας")))
    assert "ΣΦAΛMA YΠHPEΣIAΣ" in text
    assert septets(text) <= 160


def test_the_code_and_the_link_that_acknowledge_are_told():
    told = notification(alert(), ack_code="482193", ack_url="https://burnline.example.org/a/abc")
    assert RENDERER.sms(told).endswith("since 13:58 UTC. Ack: reply 482193 https://burnline.example.org/a/abc")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("first notification", ", since 13:58 UTC"),
        ("new alerts added", ", new alerts, since 13:58 UTC"),
        ("repeat interval elapsed", ", still since 13:58 UTC"),
        ("what inhibited it is over, still firing", ", still since 13:58 UTC"),
        ("silence ended, still firing; ana had acknowledged the others", ", still since 13:58 UTC"),
        ("less severe now, still firing", ", page over, since 13:58 UTC"),
    ],
)
def test_an_update_and_a_repeat_say_what_they_are(reason, words):
    assert words in RENDERER.sms(notification(alert(), reason=reason))


def test_who_took_it_is_told_to_the_others():
    assert ". Taken by ana" in RENDERER.sms(notification(alert(), acknowledged_by="ana"))


def many(count, name="rag Slow", severity="CRIT", **more):
    rank = ("CRIT", "WARN").index(severity)
    return [Problem(f"{name}{n}", severity, rank, ack_code=f"{n:06d}", **more) for n in range(count)]


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        (
            [Problem("rag Slow", "WARN", 1), Problem("db Down", "CRIT", 0, ack_code="482193")],
            "CRIT 2 alerts: db Down, rag Slow. Ack: reply 482193 all",
        ),
        ([Problem("rag Slow", "CRIT", 0, 3), Problem("rag Slow", "CRIT", 0)], "CRIT 4 alerts: rag Slow (4)"),
        (
            [Problem("rag Slow", "CRIT", 0), Problem("db Full", "OK", 0, over=True)],
            "CRIT 1 alert: rag Slow, over: db Full",
        ),
        ([Problem("a B", "OK", 0, over=True), Problem("c D", "OK", 0, over=True)], "OK 2 over: a B, c D"),
        ([Problem("TEST a B", "CRIT", 0)], "CRIT 1 alert: TEST a B"),
    ],
)
def test_several_problems_share_one_text(problems, text):
    assert bundle(problems) == text


def test_problems_without_room_are_counted():
    text = bundle(many(30, "service-name HighErrorRate"))
    assert text.startswith("CRIT 30 alerts: service-name HighErrorRate0, ")
    shown = text.count("service-name")
    assert f" +{30 - shown} more. Ack: reply 000000 all" in text
    assert 150 < septets(text) + len(", service-name HighErrorRate9")
    assert segments(text) == 1


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.tuples(st.text(max_size=60), st.sampled_from(["CRIT", "WARN"]), st.booleans()), min_size=1),
    most=st.integers(min_value=1, max_value=3),
)
def test_a_bundle_fits_and_says_how_many_there_are(names, most):
    problems = [
        Problem(name, severity, ("CRIT", "WARN").index(severity), over=over, ack_code="482193")
        for name, severity, over in names
    ]
    text = bundle(problems, most)
    firing = sum(1 for each in problems if not each.over)
    assert segments(text) <= most
    assert f" {firing} alert" in text if firing else text.startswith(f"OK {len(problems)} over")
    assert text.endswith("Ack: reply 482193 all")


def test_the_renderer_tells_of_several_notifications():
    told = [
        notification(alert(alertname="Slow", severity="warning"), ack_code="111111"),
        notification(alert(), alert("b:1"), ack_code="222222"),
        notification(alert(alertname="Full", end=-1)),
    ]
    assert RENDERER.sms_together(told) == (
        "CRIT 3 alerts: rag VeryHighErrorRate (2), rag Slow, over: rag Full. Ack: reply 222222 all"
    )


def test_a_reminder_cannot_be_taken_for_a_new_page():
    asked = {"reason": "ana acknowledged this 1h 00m ago, and it still fires", "acknowledged_by": "ana"}
    text = RENDERER.sms(notification(alert(), ack_code="482193", **asked))
    assert text.startswith("STILL YOURS? CRIT rag VeryHighErrorRate: ")
    assert text.endswith(", still since 13:58 UTC. Yes: reply 482193")


def test_where_no_reply_is_possible_the_link_that_acknowledges_stays_and_the_rest_gives_way():
    """Amazon SNS and gateways take no replies: without the link nobody could acknowledge from the phone."""
    link = "https://burnline.example.org/a/" + "a" * 66
    text = RENDERER.sms(notification(alert(), ack_url=link))
    assert text.startswith("CRIT rag VeryHighErrorRate")
    assert text.endswith(link)
    assert segments(text) == 1
