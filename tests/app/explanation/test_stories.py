"""Each way of not being told, as a story on a moved clock through the real dispatcher: the explanation names the cause.

Every story is explained twice, by what runs and by what its journal says alone; both must tell the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from agent.app.explanation.answering import explain
from agent.app.explanation.evidence import Evidence, kept_evidence
from agent.app.explanation.people import explain_person
from agent.errors import Rejected, RetryLater
from agent.model import Alert, Matcher, MatchOp
from agent.web.explaining import Account, Explanation, Mood, PersonAccount, Question, explanation_json
from tests.notify.story import START_MS, Story
from tests.notify.story import alert as briefly

ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 10s, group_interval: 60s, repeat_interval: 1h}
receivers: [{name: oncall}]
"""
SLACK = 'receivers: {oncall: {notify: [{slack: "#alerts"}]}}'
STEPS = """
receivers:
  oncall:
    notify: [{slack: "#alerts"}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}], until: ack}]
"""
ANA = "receivers: {oncall: {notify: [{person: ana, by: [sms]}]}}"
Begin = Callable[..., Story]
alert = partial(briefly, starts=0, ends=1_000_000)


def running(told: Story) -> Evidence:
    """Return what a running dispatcher knows, once all is on the disk."""
    told.written()
    return Evidence(
        at_ms=told.now_ms,
        view=told.dispatcher.view(told.now_ms),
        routing=told.dispatcher.routing,
        silences=told.dispatcher.silences,
        events=told.journal.events,
        newest=told.journal.newest,
        seen=lambda: (),
        external={},
    )


def asked(told: Story, question: Question) -> Explanation:
    """Explain by what runs, and hold the answer against what the journal alone says."""
    found = explain(running(told), question)
    kept = explain(kept_evidence(told.journal, told.now_ms), question)  # type: ignore[arg-type] - it reads as a Reader does
    assert comparable(found) == comparable(kept)
    return found


def comparable(found: Explanation) -> object:
    """Return what both must say: all but when an alert ends that nobody repeats, which is not written down at each repeat."""
    plain = explanation_json(replace(found, notes=()))
    if plain["account"]:
        plain["account"]["next"] = [each for each in plain["account"]["next"] if each["what"] != "it counts as over"]
    return plain


def account(told: Story, meant: Alert | str, at: float | None = None) -> Account:
    """Explain one alert."""
    id_ = meant if isinstance(meant, str) else meant.fingerprint
    found = asked(told, Question(id=id_, at_ms=None if at is None else START_MS + int(at * 1000)))
    assert found.account is not None, found
    return found.account


def codes(found: Account) -> list[str]:
    return [each.code for each in found.causes]


def link(found: Account, name: str):
    return next(each for each in found.chain if each.name == name)


def words(found: Account, name: str) -> str:
    one = link(found, name)
    return "\n".join([one.text, *(each.text for each in one.lines)])


def coming(found: Account) -> list[tuple[float, str]]:
    ways = ((each.at_ms - START_MS) / 1000 if each.at_ms else 0 for each in found.coming)
    told = [(at, each.what) for at, each in zip(ways, found.coming, strict=True)]
    return [each for each in told if each[1] != "it counts as over"]


def silence(told: Story, seconds: float, by: str = "bob", comment: str = "deploying", **labels: str) -> str:
    matchers = tuple(Matcher(name, MatchOp.EQUAL, value) for name, value in labels.items())
    made, _ = told.dispatcher.silences.create(
        matchers, told.now_ms, told.now_ms + int(seconds * 1000), by, comment, told.now_ms
    )
    return made.id


def test_an_alert_that_was_told_has_a_chain_without_a_gap(story: Begin):
    told = story(ROUTES, SLACK).push(fire := alert("A", severity="critical")).at(30)
    found = account(told, fire)
    assert (found.state, found.headline.code, found.headline.mood) == ("firing", "told", Mood.GOOD)
    assert "#alerts by slack was told" == found.headline.text
    names = [each.name for each in found.chain]
    assert names == ["rule", "handed over", "route", "group", "held back", "decided", "told", "acknowledged"]
    assert words(found, "decided").startswith("first notification\ntell #alerts by slack")
    (message,) = found.messages
    assert (message.state, message.whom, message.attempts[-1].what) == ("sent", "#alerts by slack", "sent")
    assert message.provider_id in words(found, "told")


def test_before_group_wait_is_over_it_says_when_the_first_message_leaves(story: Begin):
    told = story(ROUTES, SLACK).push(fire := alert("A")).at(4)
    found = account(told, fire)
    assert found.headline.code == "waiting-for-group"
    assert coming(found) == [(10, "oncall (#alerts by slack) is told for the first time")]


def test_a_silence_is_named_with_who_made_it_why_and_until_when(story: Begin):
    told = story(ROUTES, SLACK)
    silence(told, 600, alertname="A")
    found = account(told.push(fire := alert("A")).at(30), fire)
    assert (found.headline.code, found.headline.mood) == ("silenced", Mood.BAD)
    assert found.headline.text == "nobody was told: silenced by bob: “deploying”"
    assert found.headline.until_ms == START_MS + 600_000
    assert (600, "the silence ends, and it is told if it still fires") in coming(found)


def test_a_silence_that_ended_long_ago_still_explains_an_alert_that_is_over(story: Begin):
    told = story(ROUTES, SLACK)
    silence(told, 60, alertname="A")
    told.push(fire := alert("A")).at(30).resolve(fire).at(8 * 86_400)
    told.dispatcher.silences.collect(told.now_ms)
    found = account(told, fire)
    assert found.headline.code == "silenced"
    assert "it was silenced by bob: deploying" in found.headline.text


def test_an_alert_that_was_told_and_is_silenced_now_says_both(story: Begin):
    told = story(ROUTES, SLACK).push(fire := alert("A")).at(30)
    silence(told, 600, alertname="A")
    found = account(told.at(100), fire)
    assert found.headline.code == "silenced"
    assert found.headline.text.startswith("#alerts by slack was told; now it is silenced by bob")


def test_an_inhibited_alert_names_the_alert_that_speaks_for_it(story: Begin):
    rule = "inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [job]}]"
    told = story(ROUTES + rule, SLACK)
    told.push(alert("NodeDown", severity="critical", job="rag"))
    told.push(fire := alert("Slow", severity="warning", job="rag")).at(30)
    found = account(told, fire)
    assert found.headline.code == "inhibited"
    assert "NodeDown (job rag) fires and speaks for it" in found.headline.text


def test_a_time_interval_is_named_with_when_it_lets_through(story: Begin):
    muted = ROUTES.replace(
        "repeat_interval: 1h", "repeat_interval: 1h, routes: [{matchers: [team=web], mute_time_intervals: [morning]}]"
    )
    interval = (
        "time_intervals: [{name: morning, time_intervals: [{times: [{start_time: '08:00', end_time: '09:00'}]}]}]"
    )
    found = account(story(muted + interval, SLACK).push(fire := alert("A", team="web")).at(30), fire)
    assert (found.headline.code, found.headline.until_ms) == ("muted", START_MS + 3_600_000)
    assert "muted by the time interval morning" in found.headline.text
    assert coming(found)[0] == (3600, "the time interval morning lets it through, and it is told if it still fires")


QUIET = """
people: {ana: {phone: "+33600000001", quiet_hours: {severities: [warning], times: "07:00-09:00"}}}
channels: {sms: {provider: twilio, account_sid: AC1, auth_token: t, from: "+15550001111"}}
"""


def test_quiet_hours_are_named_with_when_the_message_leaves(story: Begin):
    told = story(ROUTES, ANA, base=QUIET).push(fire := alert("A", severity="warning")).at(30)
    found = account(told, fire)
    assert (found.headline.code, found.headline.mood) == ("quiet-hours", Mood.WAITS)
    assert "quiet hours of ana" in found.headline.text
    assert coming(found)[0] == (3600, "the message to ana by sms leaves")


def test_the_second_of_two_routes_to_one_target_is_explained_as_told_already(story: Begin):
    routes = """
route:
  receiver: oncall
  group_by: [alertname]
  group_wait: 10s
  routes: [{matchers: [team=web], receiver: oncall, continue: true}, {receiver: other}]
receivers: [{name: oncall}, {name: other}]
"""
    both = 'receivers: {oncall: {notify: [{slack: "#alerts"}]}, other: {notify: [{slack: "#alerts"}]}}'
    told = story(routes, both).push(fire := alert("A", team="web")).at(30)
    found = account(told, fire)
    assert found.headline.code == "told"
    assert "already-told" in codes(found)
    assert "told the same a moment ago through another group" in words(found, "decided")


def test_an_acknowledged_alert_names_who_has_it_and_when_they_are_asked(story: Begin):
    told = story(ROUTES, STEPS).push(fire := alert("A", severity="critical")).at(30)
    before = account(told, fire)
    assert (310, "step 1 of the escalation: bob by sms") in coming(before)
    told.ack("ana", fingerprint=fire.fingerprint, comment="on it")
    found = account(told.at(60), fire)
    assert found.headline.code == "acknowledged"
    assert "ana has it: “on it”" in found.headline.text
    assert link(found, "acknowledged").until_ms == START_MS + 3_630_000
    assert "step 1 was stopped by the acknowledgement: bob by sms" in words(found, "escalation")
    assert coming(found)[0] == (3630, "ana is asked whether they still have it")


def test_a_step_that_ran_says_whom_it_told_and_why(story: Begin):
    told = story(ROUTES, STEPS).push(fire := alert("A", severity="critical")).at(400)
    found = account(told, fire)
    assert "step 1: nobody acknowledged within 300 s → +336…02 by sms" in words(found, "escalation")
    assert "+33600000002" not in str(explanation_json(Explanation(0, account=found)))


def test_a_disabled_channel_is_named_with_why_and_what_was_told_instead(story: Begin):
    without = QUIET.replace("auth_token: t", 'auth_token: ""')
    found = account(story(ROUTES, ANA, base=without).push(fire := alert("A", severity="critical")).at(30), fire)
    assert (found.headline.code, found.headline.mood) == ("disabled", Mood.BAD)
    assert "the channel sms is disabled" in found.headline.text
    assert "the log: written to the log" in words(found, "told")


def test_a_throttled_message_names_the_limit_and_when_there_is_room(story: Begin):
    limited = QUIET.replace('from: "+15550001111"', 'from: "+15550001111", limits: {per_target: [1/10m]}')
    told = story(ROUTES, ANA, base=limited).push(alert("A")).at(30)
    told.push(fire := alert("B", severity="none")).at(120)
    found = account(told, fire)
    assert (found.headline.code, found.headline.mood) == ("limited", Mood.WAITS)
    assert "gets at most 1/10m messages" in found.headline.text


def test_a_repeat_that_waits_for_a_long_limit_is_told_from_a_first_text_which_does_not(story: Begin):
    limited = QUIET.replace('from: "+15550001111"', 'from: "+15550001111", limits: {per_target: [1/2h]}')
    told = story(ROUTES, ANA, base=limited).push(alert("A", severity="critical")).at(30)
    told.push(fire := alert("B", severity="critical")).at(120)
    assert account(told, fire).headline.code == "told"
    told.push(alert("B", severity="critical", instance="more")).at(300)
    found = account(told, fire)
    assert found.headline.code == "limited"
    assert "gets at most 1/2h critical messages, but for the first of an incident" in found.headline.text


def test_a_message_that_waits_when_somebody_takes_the_alert_is_foretold_to_be_withdrawn(story: Begin):
    limited = QUIET.replace('from: "+15550001111"', 'from: "+15550001111", limits: {per_target: [1/10m]}')
    told = story(ROUTES, ANA, base=limited).push(alert("A", severity="critical")).at(30)
    told.push(fire := alert("B", severity="critical")).at(120)
    assert (610, "the message to ana by sms leaves") in coming(account(told, fire))
    told.ack("bob", fingerprint=fire.fingerprint)
    found = account(told, fire)
    assert found.headline.code == "acknowledged"
    withdrawn = "the message to ana by sms is withdrawn: bob acknowledged it before this could be sent"
    assert (610, withdrawn) in coming(found)
    assert len(told.at(700).messages("sms:+33600000001")) == 1


def test_of_many_messages_the_first_and_the_newest_are_shown_and_the_others_counted(story: Begin):
    told = story(ROUTES.replace("repeat_interval: 1h", "repeat_interval: 1m"), SLACK)
    told.push(fire := alert("A", ends=9_999)).at(60 * 20)
    found = account(told, fire)
    lines = [each.text for each in link(found, "told").lines]
    assert len(found.messages) > 13
    assert "first notification" in lines[0]
    assert lines[1] == f"{len(found.messages) - 12} more in between are left out"
    assert found.messages[-1].id in lines[-1]


def test_an_open_circuit_is_named_and_the_attempts_are_listed(story: Begin):
    told = story(ROUTES, SLACK)
    told.providers["slack"].fail_always(RetryLater("sending to #alerts: 503", reason="serverError"))
    fires = [alert(name, severity="warning") for name in "AB"]
    found = account(told.push(*fires).at(300), fires[1])
    assert (found.headline.code, found.headline.mood) == ("circuit-open", Mood.WAITS)
    assert "its circuit is open" in found.headline.text
    assert "attempt failed: sending to #alerts: 503" in words(found, "told")


def test_a_message_that_is_tried_again_says_when_and_what_the_provider_said(story: Begin):
    told = story(ROUTES, SLACK)
    told.providers["slack"].fail_always(RetryLater("sending to #alerts: 503", reason="serverError"))
    found = account(told.push(fire := alert("A")).at(12), fire)
    assert found.headline.code == "retrying"
    assert "sending to #alerts: 503" in found.headline.text
    assert coming(found)[0][1] == "the message to #alerts by slack is tried again"


def test_a_failed_message_names_the_refusal_and_what_was_told_instead(story: Begin):
    told = story(ROUTES, SLACK)
    told.providers["slack"].fail_always(Rejected("posting to #alerts: channel_not_found", reason="clientError"))
    found = account(told.push(fire := alert("A")).at(30), fire)
    assert (found.headline.code, found.headline.mood) == ("failed", Mood.BAD)
    assert "channel_not_found" in found.headline.text
    assert "instead of #alerts by slack" in words(found, "told")


def test_a_message_that_was_over_before_the_morning_is_explained_as_withdrawn(story: Begin):
    told = story(ROUTES, ANA, base=QUIET).push(fire := alert("A", severity="warning")).at(30).resolve(fire).at(7200)
    found = account(told, fire)
    assert found.headline.code == "superseded"
    assert "nobody had been told" in found.headline.text
    assert [each.state for each in found.messages] == ["superseded", "superseded"]


def test_a_superseded_message_names_what_replaced_it(story: Begin):
    told = story(ROUTES, SLACK)
    told.providers["slack"].fail_always(RetryLater("503", reason="serverError"))
    told.push(fire := alert("A", i="1")).at(15).push(alert("A", i="2")).at(120)
    found = account(told, fire)
    first = found.messages[0]
    assert first.state == "superseded"
    assert first.detail.removeprefix("replaced by ") in [each.id for each in found.messages[1:]]


def test_a_route_to_a_receiver_that_tells_nobody_is_said_so(story: Begin):
    routes = "route: {receiver: forgotten, group_wait: 10s}\nreceivers: [{name: forgotten}]"
    found = account(story(routes).push(fire := alert("A")).at(30), fire)
    assert (found.headline.code, found.headline.mood) == ("tells-nobody", Mood.BAD)
    assert "receiver forgotten, which tells nobody" in found.headline.text
    assert link(found, "route").mood is Mood.BAD


def test_in_strict_mode_an_integration_that_is_not_sent_is_named(story: Begin):
    routes = "route: {receiver: ops, group_wait: 10s}\nreceivers: [{name: ops, opsgenie_configs: [{api_key: k}]}]"
    found = account(story(routes, "settings: {alertmanager_compat: strict}").push(fire := alert("A")).at(30), fire)
    assert (found.headline.code, found.headline.mood) == ("not-sent-here", Mood.BAD)
    assert "opsgenie" in found.headline.text


def test_an_alert_that_was_over_within_group_wait_is_explained(story: Begin):
    told = story(ROUTES, SLACK).push(fire := alert("A")).at(5).resolve(fire).at(60)
    found = account(told, fire)
    assert found.headline.code == "over-unheard"
    assert found.headline.text == "nobody was told: it was over before anybody was told"


def test_routes_that_were_not_taken_say_the_first_matcher_that_did_not_match(story: Begin):
    routes = """
route:
  receiver: oncall
  routes:
    - {receiver: web, matchers: [team=web, severity=critical]}
    - {receiver: search, matchers: [team=search], group_wait: 1s}
    - {receiver: web}
receivers: [{name: oncall}, {name: web}, {name: search}]
"""
    found = account(
        story(routes, "receivers: {search: {notify: [{slack: '#s'}]}}").push(fire := alert("A", team="search")).at(30),
        fire,
    )
    said = words(found, "route")
    assert said.startswith('every alert ▸ team="search" → search\nsearch tells #s by slack')
    assert 'not taken: severity="critical",team="web" → web, as severity="critical" does not match' in said
    assert "not asked, a route before it took it: the rest → web" in said


@pytest.mark.parametrize("taken", [False, True])
def test_what_is_foretold_happens_at_that_instant(story: Begin, taken: bool):
    """The timers that are read are those that the dispatcher obeys: first message, step (or reminder), repeat."""
    told = story(ROUTES, STEPS).push(fire := alert("A", severity="critical")).at(1)
    for number in range(3):
        if taken and number == 1:
            told.ack("ana", fingerprint=fire.fingerprint)
            told.run_due()
        at = next(each.at_ms for each in account(told, fire).coming)
        sent = len(told.sent)
        told.at((at - START_MS - 1) / 1000)
        assert len(told.sent) == sent
        told.at((at - START_MS) / 1000)
        pages = [each for each in told.sent[sent:] if "being called" not in each.message.reason]
        assert len(pages) == 1


def test_an_earlier_instant_is_explained_as_it_was_then_with_what_came_after(story: Begin):
    told = story(ROUTES, SLACK)
    silence(told, 100, alertname="A")
    told.push(fire := alert("A")).at(400)
    then = account(told, fire, at=50)
    assert then.headline.code == "silenced"
    assert then.messages == ()
    assert any("#alerts by slack: sent" in what for _, what in coming(then))
    assert account(told, fire).headline.code == "told"


@pytest.mark.parametrize("restarted", [False, True])
def test_a_message_and_an_incident_are_found_by_their_ids(story: Begin, restarted: bool):
    told = story(ROUTES, SLACK, durable=True).push(fire := alert("A")).at(30)
    told = told.restart() if restarted else told
    (row,) = told.dispatcher.outbox.rows()
    for name in (row.id, row.incident):
        assert account(told, name).fingerprint == fire.fingerprint
    assert account(told, row.id).message == row.id


def test_several_alerts_that_are_meant_are_listed_each_with_its_answer(story: Begin):
    told = story(ROUTES, SLACK)
    silence(told, 600, i="2")
    told.push(alert("A", i="1"), alert("A", i="2")).at(30)
    found = asked(told, Question(matchers=(Matcher("alertname", MatchOp.EQUAL, "A"),)))
    assert sorted((each.labels.get("i"), each.headline.code) for each in found.several) == [
        ("1", "told"),
        ("2", "silenced"),
    ]


def test_an_alert_that_never_was_names_what_is_near(story: Begin):
    told = story(ROUTES, SLACK).push(alert("HighErrorRate", severity="warning")).at(30)
    misspelt = asked(told, Question(matchers=(Matcher("alertname", MatchOp.EQUAL, "HighErorRate"),))).unknown
    assert misspelt is not None
    assert 'did you mean "HighErrorRate"?' in misspelt.text
    matchers = (Matcher("alertname", MatchOp.EQUAL, "HighErrorRate"), Matcher("severity", MatchOp.EQUAL, "critical"))
    other = asked(told, Question(matchers=matchers)).unknown
    assert other is not None
    assert "severity was warning" in other.text
    nothing = asked(told, Question(id="0123456789abcdef")).unknown
    assert nothing is not None
    assert "0123456789abcdef is known" in nothing.text


def person(told: Story, name: str) -> PersonAccount:
    found = explain_person(running(told), name, START_MS)
    kept = explain_person(kept_evidence(told.journal, told.now_ms), name, START_MS)  # type: ignore[arg-type] - as above
    assert (found.told, found.others) == (kept.told, kept.others)
    return found


def test_a_persons_account_says_what_became_of_each_message_and_what_was_for_others(story: Begin):
    lines = """
receivers:
  oncall: {notify: [{person: ana, by: [sms]}]}
  web: {notify: [{person: bob, by: [sms]}]}
"""
    routes = ROUTES.replace(
        "repeat_interval: 1h", "repeat_interval: 1h, routes: [{matchers: [team=web], receiver: web}]"
    )
    told = story(routes.replace("[{name: oncall}]", "[{name: oncall}, {name: web}]"), lines)
    told.push(alert("A"), alert("B", team="web")).at(30)
    silence(told, 600, alertname="C")
    told.push(alert("C")).at(60)
    found = person(told, "ana")
    assert [(each.labels.get("alertname"), each.headline.code) for each in found.told] == [("A", "told")]
    assert {each.labels.get("alertname"): each.headline.code for each in found.others} == {"B": "told", "C": "silenced"}


def test_a_persons_account_explains_what_waits_for_their_quiet_hours(story: Begin):
    told = story(ROUTES, ANA, base=QUIET).push(alert("A", severity="warning")).at(30)
    (matter,) = person(told, "ana").told
    assert (matter.headline.code, matter.headline.mood) == ("quiet-hours", Mood.WAITS)
    assert matter.headline.text.startswith("not told: ana by sms waits until")


def test_a_name_that_nobody_has_is_said_with_the_nearest(story: Begin):
    found = person(story(ROUTES, ANA).push(alert("A")).at(30), "anna")
    assert 'nobody is named "anna" in escalation.yml; did you mean "ana"?' in found.notes


OBJECTIVE = """
receivers:
  oncall:
    notify: [{slack: "#alerts"}, {person: ana, by: [slack], severities: [critical]}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms], severities: [critical]}], until: ack}]
"""


def test_steps_that_are_for_another_severity_rest_and_say_when_they_began_to_count(story):
    told = story(ROUTES, OBJECTIVE)
    ticket, page = alert("Burn", severity="warning"), alert("Burn", severity="critical")
    told.at(0).push(ticket)
    told.at(600)
    found = account(told, ticket)
    assert link(found, "escalation").text == "rests"
    assert "step 1 rests, since it is for another severity: bob by sms" in words(found, "escalation")
    told.push(page)
    told.at(700)
    assert "warning → critical: escalation counts from now" in words(account(told, page), "escalation")
    told.resolve(page)
    told.at(800)
    foretold = [what for _, what in coming(account(told, ticket))]
    assert "#alerts by slack is told again (repeat_interval)" in foretold
    assert not [what for what in foretold if "ana" in what], "she hears no repeats of a ticket"


FLAPPING = """
route: {receiver: oncall, group_by: [slo], group_wait: 0s, group_interval: 10s, repeat_interval: 4h}
receivers: [{name: oncall}]
inhibit_rules:
  - {source_matchers: [tier="page"], target_matchers: [tier="ticket"], equal: [slo]}
"""
BY_SEVERITY = """
receivers: {oncall: {notify: [{team: search, by: [sms], severities: [critical]}, {slack: '#alerts'}]}}
"""


def test_a_page_that_flaps_says_who_has_it_still_why_no_phone_rang_and_when_it_does(story: Begin):
    told = story(FLAPPING, BY_SEVERITY)
    page = alert("Burn", slo="a", tier="page", severity="critical")
    told.push(page, alert("Burn", slo="a", tier="ticket", severity="warning"))
    told.at(60).ack("ana", fingerprint=page.fingerprint)
    for at in (120, 360):
        told.at(at).resolve(page)
        told.at(at + 120).push(page)
    found = account(told.at(500), page)
    assert "acknowledgement kept: warning → critical, 2m after it had been as severe: ana has it still" in words(
        found, "acknowledged"
    )
    assert "ana was called 4m ago, and will be in 11m if it is as severe then" in words(found, "decided")
    assert (1140.0, "ana is called again: it is as severe as before") in coming(found)
    told.at(1139)
    rang = len(told.messages("sms:"))
    told.at(1140)
    assert len(told.messages("sms:")) == rang + 1


def test_a_phone_that_was_called_for_the_same_trouble_is_said_to_know(story: Begin):
    told = story(ROUTES, ANA + "\ntroubles: {errors: {matchers: ['alertname=~\"Rate|Burn\"'], equal: [job]}}\n")
    told.push(alert("Rate", job="rag", severity="critical")).at(60)
    told.push(burn := alert("Burn", job="rag", severity="critical")).at(90)
    assert "already-told" in codes(account(told, burn))
    assert "called for the same trouble already" in words(account(told, burn), "decided")
