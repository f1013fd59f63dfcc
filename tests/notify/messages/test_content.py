"""What a message says: the worst alert leads, links are absolute, everything is bounded."""

from __future__ import annotations

import pytest

from agent.notify.messages import Renderer
from agent.notify.messages.content import describe
from tests.notify.messages.stories import NASTY, alert, notification


def test_one_glance_tells_what_how_bad_since_when_and_what_to_do():
    said = describe(notification(alert()), "Europe/Paris")
    assert (said.severity, said.title, said.where) == ("critical", "VeryHighErrorRate", "rag")
    assert (said.since, said.lasted) == ("14:58 CET (13:58 UTC)", "4m")
    assert (said.value, said.threshold) == ("13.4%", "10%")
    assert said.runbook == "https://burnline.example.org/runbooks/high-error-rate"
    assert said.page == "https://burnline.example.org/alerts/caaaffbd9ccf039f"
    assert said.ack == f"burnline ack {alert().fingerprint}"


def test_an_objective_s_alert_without_a_job_is_about_its_service():
    """Not about the receiver's name, which is what a mail says of an alert that has nothing else."""
    said = describe(notification(alert("", service="", sloth_service="rag", a_summary="rag answers: 3 of 7 bad in 1h")))
    assert (said.where, said.brief) == ("rag", "answers: 3 of 7 bad in 1h")


def test_the_reader_s_own_time_zone_wins():
    assert "EST" in describe(notification(alert(), options={"timezone": "America/New_York"}), "Europe/Paris").since


def test_a_relative_runbook_without_an_external_url_is_shown_and_not_linked():
    said = describe(notification(alert(), external_url=""))
    assert (said.runbook, said.runbook_hint) == ("", "/runbooks/high-error-rate")


def test_a_script_in_a_runbook_url_is_no_link():
    assert describe(notification(alert(a_runbook_url="javascript:alert(1)"))).runbook == ""


def test_the_worst_firing_alert_leads_and_speaks():
    worst = alert("b:1", a_summary="the worst")
    said = describe(notification(alert("a:1", severity="warning", a_summary="less bad"), worst))
    assert said.severity == "critical"
    assert said.summary == "the worst (and 1 more)"
    assert said.ack.endswith(worst.fingerprint)


def test_where_alerts_joined_the_newest_of_the_worst_speaks():
    """What was told before is known: a phone that rings again has to say what is new."""
    old, new = alert("a:1", a_summary="the old"), alert("b:1", start=-1, a_summary="the new")
    mild = alert("c:1", start=0, severity="warning", a_summary="the mild")
    said = describe(notification(old, new, mild, reason="new alerts added"))
    assert said.summary == "the new (and 2 more)"
    assert [each.where for each in said.alerts] == ["instance=a:1", "instance=b:1", "instance=c:1"]
    assert describe(notification(old, new, mild, reason="repeat")).summary == "the old (and 2 more)"


def test_alerts_of_several_names_are_counted_and_named():
    said = describe(notification(alert(alertname="B"), alert(alertname="A")))
    assert said.title == "2 alerts: A, B"


def test_more_than_ten_alerts_are_counted():
    said = describe(notification(*[alert(f"node-{n}") for n in range(37)]))
    assert (len(said.alerts), said.more, said.instance_count, said.firing_count) == (10, 27, 37, 37)


def test_the_value_of_differing_alerts_is_not_shown_as_one():
    assert describe(notification(alert("a"), alert("b", a_value="20%"))).value == ""


def test_without_a_value_annotation_the_evaluated_number_is_shown():
    assert describe(notification(alert(a_value=""))).value == "0.134"


@pytest.mark.parametrize(
    ("summary", "brief"),
    [("rag: it fails", "it fails"), ("rag answers slowly", "answers slowly"), ("ragged", "ragged"), ("rag: ", "rag:")],
)
def test_the_service_is_not_named_twice(summary, brief):
    assert describe(notification(alert(a_summary=summary))).brief == brief


def test_a_resolved_message_says_until_when_and_asks_for_nothing():
    said = describe(notification(alert(end=8), minute=9))
    assert (said.status, said.ended, said.lasted, said.ack) == ("resolved", "14:10 UTC", "12m", "")


def test_an_acknowledged_alert_asks_for_nothing():
    assert describe(notification(alert(), acknowledged_by="ana")).ack == ""


@pytest.mark.parametrize("kind", NASTY)
def test_no_label_is_too_long_or_breaks_a_line(kind):
    text = NASTY[kind]
    told = alert(text, alertname=text, service=text, team=text, a_summary=text, a_description=text, a_value=text)
    said = describe(notification(told))
    lines = [said.title, said.where, said.summary, said.value, *said.instances, *(value for _, value in said.labels)]
    assert all(len(line) <= 300 and len(line.splitlines()) <= 1 for line in lines)
    assert len(said.description) <= 1500


def test_a_message_about_nothing_can_be_described_and_rendered():
    empty = notification()
    renderer = Renderer()
    assert describe(empty).status == "resolved"
    assert renderer.email(empty).subject
    assert renderer.slack(empty, "x").text
    assert renderer.sms(empty)


def test_a_message_in_place_of_another_says_whom_it_could_not_reach():
    told, renderer = notification(alert(), options={"instead_of": "slack:#alerts"}), Renderer()
    words = "Sent here because slack:#alerts could not be reached"
    assert words in renderer.email(told).text
    assert words in renderer.email(told).html
    assert words in str(renderer.slack(told).attachment)


def test_without_a_summary_the_message_annotation_speaks():
    assert describe(notification(alert(a_summary="", a_message="it is down"))).summary == "it is down"


def test_ten_thousand_alerts_are_described_by_ten_and_a_count():
    many = [alert(f"node-{n}", severity="critical" if n == 9_999 else "warning") for n in range(10_000)]
    said = describe(notification(*many))
    assert (said.firing_count, said.more, said.severity) == (10_000, 9_990, "critical")
    assert said.ack.endswith(many[-1].fingerprint)


def test_why_an_alert_ended_is_said_where_its_condition_did_not_simply_cease():
    why = "the rule was removed by a reload"
    over = notification(alert(end=-1, a_burnline_resolved=why), reason="all alerts resolved")

    assert describe(over).reason == f"all alerts resolved: {why}"
    assert why in Renderer().email(over).text
    assert describe(notification(alert(a_burnline_resolved=why))).reason == "first notification"


RECOVERED = {
    "mail": lambda about: Renderer().email(about).text,
    "mail as HTML": lambda about: Renderer().email(about).html,
    "Slack": lambda about: str(Renderer().slack(about)),
    "a text message": lambda about: Renderer().sms(about),
}


@pytest.mark.parametrize("channel", RECOVERED)
def test_the_message_of_the_end_says_the_value_that_the_alert_recovered_to(channel):
    text = RECOVERED[channel](notification(alert(end=-1, recovered=0.04, a_value="4%"), reason="all alerts resolved"))
    assert "4%" in text
    assert "limit 10%" in text
    assert "13.4%" not in text.replace("13.4% of the queries", "")


@pytest.mark.parametrize("channel", RECOVERED)
def test_the_message_of_the_end_never_says_the_last_bad_value(channel):
    text = RECOVERED[channel](notification(alert(end=-1), reason="all alerts resolved"))
    assert "13.4%" not in text.replace("13.4% of the queries", "")


def test_where_no_annotation_words_it_the_recovered_number_is_said():
    over = notification(alert(end=-1, recovered=0.04, a_value=""), reason="all alerts resolved")
    assert (describe(over).value, describe(over).alerts[0].value) == ("0.04", "0.04")
