"""The room's door: exact, lazy, and light enough for `burnline check`; what is shown of alerts and incidents behind it."""

from __future__ import annotations

import subprocess
import sys

import agent.notify
from agent.notify import FakeReceiver, Receiver, load_routing, receivers_for
from agent.notify.channels import LogChannel
from agent.notify.messages import Renderer
from agent.notify.receivers.log import LogReceiver
from agent.notify.receivers.slack import SlackReceiver
from tests.notify.story import alert


def test_every_name_of_the_door_opens_and_no_other():
    assert sorted(agent.notify.__all__) == agent.notify.__all__
    for name in agent.notify.__all__:
        assert getattr(agent.notify, name).__name__ == name
    assert not hasattr(agent.notify, "no_such_name")


def test_reading_the_routes_loads_no_provider_and_no_template_engine(root):
    heavy = ["aiohttp", "slack_sdk", "jinja2", "numpy", "aiosmtplib"]
    program = (
        "import sys; from agent.notify import load_routing; "
        "load_routing('alertmanager/alertmanager.yml', 'alertmanager/escalation.yml', {}); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


async def test_there_is_a_receiver_for_each_channel_that_can_send_and_always_the_log(root):
    folder = root / "alertmanager"
    routing = load_routing(folder / "alertmanager.yml", folder / "escalation.yml", {"SLACK_BOT_TOKEN": "xoxb-1"})
    made = receivers_for(routing, Renderer())
    assert set(made) == {"slack", "log"}
    assert isinstance(made["slack"], SlackReceiver)
    assert isinstance(made["log"], LogReceiver)
    assert isinstance(routing.channels["log"], LogChannel)
    for receiver in made.values():
        await receiver.close()


def test_the_fake_is_a_receiver():
    fake: Receiver = FakeReceiver()
    assert fake is not None


SHIPPED = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 5s
  group_interval: 10s
receivers: [{name: team}]
"""
PLAN = """
receivers:
  team:
    notify: [{slack: '#alerts'}]
    escalate: [{after: 60s, notify: [{team: search, by: [sms]}]}]
"""


def test_the_page_sees_alerts_groups_incidents_and_who_was_told(story):
    tale = story(SHIPPED, PLAN)
    fire = alert("Fire", ends=999)
    tale.at(0).push(fire)
    view = tale.dispatcher.view(tale.now_ms)
    assert [(each.state, each.receivers) for each in view.alerts()] == [("unprocessed", ("team",))]
    assert view.incidents() == []
    tale.at(6)
    view = tale.dispatcher.view(tale.now_ms)
    assert view.alerts()[0].state == "active"
    (incident,) = view.incidents()
    assert (incident.told, incident.fingerprints) == (("slack:#alerts",), (fire.fingerprint,))
    assert incident.next_step is not None
    assert (incident.next_step.due_ms - incident.started_ms, incident.next_step.whom) == (
        60_000,
        ("search (on call) by sms",),
    )
    (group,) = view.groups()
    assert (group.key, group.next_flush_ms - tale.now_ms) == ('{}:{alertname="Fire"}', 9_000)
    (message,) = view.messages(fingerprint=fire.fingerprint)
    assert (message.target.key, message.state, message.attempts) == ("slack:#alerts", "sent", 1)
    assert view.find("0000000000000000") is None
    tale.at(7).resolve(fire)
    tale.at(30)
    assert tale.dispatcher.view(tale.now_ms).alerts() == []
    tale.written()
    said = [each.value["what"] for each in tale.dispatcher.history(fire.fingerprint)]
    assert said == ["routed", "written", "notified", "sent", "written", "notified", "incident ended", "sent"]
