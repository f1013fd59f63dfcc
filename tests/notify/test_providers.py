"""What can be asked about providers: whether they take messages, and in words why not, without anybody's address."""

from __future__ import annotations

from agent.errors import RetryLater
from agent.notify.breaker import Circuit
from tests.notify.story import alert

ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1h, repeat_interval: 4h}
receivers: [{name: team}]
"""
TEAM = "receivers: {team: {notify: [{person: ana, by: [sms]}]}}\n"


def test_a_transport_whose_provider_is_given_a_rest_is_in_trouble_and_says_why_without_the_number(story):
    tale = story(ROUTES, TEAM)
    error = RetryLater("sending to sms:+33600000001: no answer within 120 s", reason="contextDeadlineExceeded")
    tale.providers["sms"].fail_always(error)
    assert tale.dispatcher.troubles(tale.now_ms) == {}
    tale.push(*(alert(f"A{number}", ends=9999) for number in range(5)))
    tale.at(3)  # a circuit opens only where nothing got through for two seconds
    (said,) = tale.dispatcher.troubles(tale.now_ms).values()
    views = {each.name: each for each in tale.dispatcher.providers(tale.now_ms)}
    assert views["sms"].circuit is Circuit.OPEN
    assert views["sms"].failures > 5
    assert said == (
        f"sms failed {views['sms'].failures} times in a row and is tried again and again: "
        "sending to somebody by sms: no answer within 120 s"
    )
    assert "+336" not in str(views)
