"""Twilio's two addresses on the real application, with the real dispatcher and a stand-in for Twilio that signs by itself."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from agent.app.twilio import Twilio
from agent.journal import Journal
from agent.model import Alert, Labels
from agent.notify import Dispatcher, load_routing, receivers_for
from agent.notify.inbox import Inbox
from agent.notify.messages import Renderer
from agent.web import FakeHandles, create_app

NOW_MS = 1_767_621_720_000
PUBLIC = "https://alerts.example.org"
ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 10s}
receivers: [{name: oncall}]
"""
PEOPLE = """
people:
  ana: {phone: "+33600000001"}
  bob: {phone: "+33600000002"}
  lost: {phone: "+15005550021"}
channels:
  sms: {provider: twilio, account_sid: %s, auth_token: %s, from: "+15550001111", base_url: "%s", limits: {per_target: []}}
receivers:
  oncall:
    notify: [{person: %s, by: [sms]}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]
"""


class World:
    """A dispatcher that sends by the inbox, and the application that the inbox calls back."""

    def __init__(self, dispatcher: Dispatcher, inbox: Inbox, client: TestClient) -> None:
        self.dispatcher, self.inbox, self.client, self.now_ms = dispatcher, inbox, client, NOW_MS

    async def fire(self, name: str, **labels: str) -> None:
        alert = Alert(Labels({"alertname": name, "severity": "critical", **labels}), Labels(), self.now_ms, 0)
        self.dispatcher.put([alert], self.now_ms)
        await self.dispatcher.run_due(self.now_ms)
        await self.inbox.phone.deliver_callbacks()

    async def later(self, seconds: int) -> None:
        self.now_ms += seconds * 1000
        await self.dispatcher.run_due(self.now_ms)
        await self.inbox.phone.deliver_callbacks()

    def texts(self, to: str) -> list[str]:
        return [each.text for each in self.inbox.messages("sms") if each.to == to and each.method == "twilio"]

    def code(self, to: str = "+33600000001", at: int = -1) -> str:
        return self.texts(to)[at].partition("Ack: reply ")[2].split(" ")[0]

    def acknowledged(self) -> list[str]:
        return [each.acknowledged.by for each in self.dispatcher.view(self.now_ms).incidents() if each.acknowledged]


@pytest.fixture
async def begin(tmp_path):
    """Give a function that begins a world in which this person is on call."""
    ends = []

    async def start(person="ana"):
        inbox = Inbox(now_ms=lambda: NOW_MS)
        await inbox.start()
        first, second = tmp_path / "alertmanager.yml", tmp_path / "escalation.yml"
        first.write_text(ROUTES)
        second.write_text(PEOPLE % (inbox.twilio_account, inbox.twilio_token, inbox.twilio_base_url, person))
        routing = load_routing(first, second, {})
        journal = Journal.open(":memory:")
        receivers = receivers_for(routing, Renderer())
        from agent.model import Secret

        dispatcher = Dispatcher(
            routing,
            journal,
            receivers,
            NOW_MS,
            external_url=PUBLIC,
            link_key=Secret("k" * 32),
            now_ms=lambda: made.now_ms,
        )
        twilio = Twilio(lambda: dispatcher, lambda: PUBLIC, lambda: made.now_ms, lambda: None)
        client = TestClient(TestServer(create_app(FakeHandles(), twilio_handles=twilio), host="127.0.0.1"))
        await client.start_server()
        inbox.phone.callback_base = str(client.make_url("")).rstrip("/")
        inbox.phone.public_base = PUBLIC
        made = World(dispatcher, inbox, client)
        ends.append((made, journal))
        return made

    yield start
    for made, journal in ends:
        await made.dispatcher.close(made.now_ms)
        await made.inbox.stop()
        await made.client.close()
        journal.close()


async def test_a_reply_with_the_code_takes_it_and_nobody_else_is_woken(begin):
    world = await begin()
    await world.fire("Fire")
    status, said = await world.inbox.phone.text_back("+33600000001", world.code())
    assert (status, said) == (200, "Acknowledged: it is yours. Nobody else will be woken for it.")
    assert world.acknowledged() == ["ana"]
    await world.later(600)
    assert world.texts("+33600000002") == []


async def test_on_the_inbox_page_a_phone_can_text_back(begin):
    world = await begin()
    await world.fire("Fire")
    form = {"phone": "+33600000001", "text": world.code()}
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(f"{world.inbox.url}/reply", data=form, headers={"Origin": world.inbox.url}) as page,
    ):
        assert (page.status, str(page.url)) == (200, f"{world.inbox.url}/")
        shown = await page.text()
    assert world.acknowledged() == ["ana"]
    assert '<div class="bubble mine">' in shown
    assert "Acknowledged: it is yours." in shown


async def test_one_code_with_all_takes_everything_that_the_phone_was_told(begin):
    world = await begin()
    for name in ("Fire", "Flood", "Frost"):
        await world.fire(name)
    status, said = await world.inbox.phone.text_back("+33600000001", f"ack {world.code()} all")
    assert (status, said) == (200, "Acknowledged: all 3 are yours. Nobody else will be woken.")
    assert world.acknowledged() == ["ana"] * 3
    assert "taken already" in (await world.inbox.phone.text_back("+33600000001", f"{world.code()} all"))[1]


async def test_the_same_request_again_changes_nothing(begin):
    world = await begin()
    await world.fire("Fire")
    code = world.code()
    first = await world.inbox.phone.text_back("+33600000001", code, sid="SM1")
    before = world.dispatcher.view(world.now_ms).incidents()
    world.now_ms += 60_000
    assert await world.inbox.phone.text_back("+33600000001", code, sid="SM1") == first
    assert world.dispatcher.view(world.now_ms - 60_000).incidents() == before


@pytest.mark.parametrize(
    ("phone", "text", "answer"),
    [
        ("+33600000002", "{code}", "That is no code of anything that is open now"),
        ("+33600000001", "000000", "That is no code of anything that is open now"),
        ("+33600000001", "help", "Reply with a message's code"),
        ("+33600000001", "STOP", ""),
    ],
)
async def test_other_replies_change_nothing_and_are_answered(begin, phone, text, answer):
    world = await begin()
    await world.fire("Fire")
    status, said = await world.inbox.phone.text_back(phone, text.format(code=world.code()))
    assert status == 200
    assert said.startswith(answer)
    assert bool(said) == bool(answer)
    assert world.acknowledged() == []


async def test_an_unsigned_request_is_refused(begin):
    world = await begin()
    await world.fire("Fire")
    status, _ = await world.inbox.phone.text_back("+33600000001", world.code(), signature="bm8=")
    assert status == 403
    assert world.acknowledged() == []
    answer = await world.client.post("/api/v1/twilio/status", data={"MessageSid": "SM1", "MessageStatus": "failed"})
    assert answer.status == 403


@pytest.mark.parametrize(
    ("body", "status"), [(b"x" * 20_000, 413), (b"a=%ff\xff", 400), (b"&".join([b"a=b"] * 200), 400)]
)
async def test_what_is_no_form_of_twilios_is_refused(begin, body, status):
    world = await begin()
    assert (await world.client.post("/api/v1/twilio/reply", data=body)).status == status


async def test_twilio_says_by_itself_what_became_of_a_message(begin):
    world = await begin()
    await world.fire("Fire")
    assert world.inbox.phone.answers == [("sent", 204), ("delivered", 204)]
    (row,) = [each for each in world.dispatcher.outbox.rows() if each.target.person == "ana"]
    assert row.state == "delivered"


async def test_a_critical_page_that_is_not_delivered_wakes_the_next_person_at_once(begin):
    """The number is not in use: bob is not kept waiting for five minutes."""
    world = await begin("lost")
    await world.fire("Fire")
    assert world.inbox.phone.answers == [("sent", 204), ("undelivered", 204)]
    await world.later(1)
    assert world.texts("+33600000002")[0].startswith("CRIT Fire (call 2)")


async def test_a_phone_that_said_stop_is_not_waited_for(begin):
    world = await begin()
    await world.inbox.phone.text_back("+33600000001", "STOP")
    await world.fire("Fire")
    await world.later(1)
    assert world.texts("+33600000001") == []
    (row,) = [each for each in world.dispatcher.outbox.rows() if each.target.person == "ana"]
    assert (row.state, "answered STOP" in row.error) == ("failed", True)
    assert world.texts("+33600000002")[0].startswith("CRIT Fire (call 2)")
