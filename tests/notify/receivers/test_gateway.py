"""SMS by a plain gateway: the configured request is filled, the answer judged, and a text cannot become anything else."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Rejected, RetryLater
from agent.model import Labels, Secret
from agent.notify.channels import GatewayChannel, Verdict
from agent.notify.inbox import Inbox
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.gateway_form import at_path, fill, nest, unknown_placeholders
from tests.notify.messages.stories import alert, notification


def text_to(to="+33612345678", *alerts, **more):
    return notification(*(alerts or (alert(),)), to=to, channel=Channel.SMS, **more)


@pytest.fixture
async def gateway(renderer, closing):
    """Give a function that starts a gateway which answers like this, and returns a receiver for it and what it saw."""
    servers = []

    async def start(status=200, answer="", **settings):
        seen = []

        async def handle(request: web.Request) -> web.Response:
            seen.append((request.method, request.raw_path, dict(request.headers), (await request.read()).decode()))
            return web.Response(status=status, text=answer)

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handle)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        servers.append(server)
        path = settings.pop("path", "/send")
        url = Secret(f"http://127.0.0.1:{server.port}{path}")
        return closing(make_receiver(GatewayChannel(url=url, **settings), renderer)), seen

    yield start
    for server in servers:
        await server.close()


@pytest.mark.parametrize("settings", [{"body": "json"}, {"body": "form"}, {"body": "query"}, {"method": "GET"}])
async def test_a_text_is_sent_as_json_as_a_form_or_in_the_query(inbox, renderer, closing, settings):
    receiver = closing(make_receiver(GatewayChannel(url=Secret(inbox.gateway_url), **settings), renderer))
    receipt = await receiver.send(text_to())
    (message,) = inbox.messages("sms")
    assert message.to == "+33612345678"
    assert message.text.startswith("CRIT rag VeryHighErrorRate")
    assert receipt.provider_id == message.provider_id == "gw-1"
    assert not receipt.delivered


async def test_nested_json_is_built_from_paths(gateway):
    fields = Labels({"messages.0.destinations.0.to": "{digits}", "messages.0.text": "{text}", "ref": "{key}"})
    receiver, seen = await gateway(fields=fields)
    await receiver.send(text_to())
    sent = json.loads(seen[0][3])
    assert sent["messages"][0]["destinations"] == [{"to": "33612345678"}]
    assert sent["messages"][0]["text"].startswith("CRIT rag")
    assert sent["ref"] == "key-0"


async def test_a_body_of_ones_own_is_filled_as_its_kind_wants(gateway):
    template = '<sms to="{to:xml}" unicode="{coding}"><text>{text:xml}</text></sms>'
    receiver, seen = await gateway(body="template", template=template, content_type="application/xml")
    nasty = 'a < b & "c" </text><to>+1</to>'
    await receiver.send(text_to("+33612345678", alert(a_summary=nasty)))
    _, _, headers, body = seen[0]
    assert headers["Content-Type"] == "application/xml"
    assert 'a < b & "c" </text><to>' in ET.fromstring(body).findtext("text")


async def test_another_script_is_announced(gateway):
    fields = Labels({"to": "{to}", "text": "{text}", "coding": "{coding}", "type": "{type}"})
    receiver, seen = await gateway(fields=fields, body="form")
    await receiver.send(text_to("+33612345678", alert(alertname="ВысокаяДоляОшибок")))
    await receiver.send(text_to())
    assert "coding=2" in seen[0][3]
    assert "type=unicode" in seen[0][3]
    assert "coding=0" in seen[1][3]
    assert "type=text" in seen[1][3]


async def test_the_address_may_hold_the_number(gateway):
    receiver, seen = await gateway(path="/to/{to}/send?key=planted")
    await receiver.send(text_to())
    assert seen[0][1] == "/to/%2B33612345678/send?key=planted"


async def test_several_incidents_share_a_text_without_a_code(gateway):
    receiver, seen = await gateway()
    await receiver.send_together([text_to(ack_code="111111"), text_to("+33612345678", alert(alertname="Slow"))])
    assert json.loads(seen[0][3])["text"] == "CRIT 2 alerts: rag VeryHighErrorRate, rag Slow"


async def test_a_header_takes_no_line_break(gateway):
    receiver, seen = await gateway(headers=(("X-Text", Secret("{text}")), ("X-App", Secret("burnline"))))
    await receiver.send(text_to("+33612345678", alert(alertname="a\r\nX-Evil: 1")))
    assert seen[0][2]["X-App"] == "burnline"
    assert "X-Evil" not in seen[0][2]


async def test_a_bearer_token_is_sent_and_a_wrong_one_is_final(renderer, closing):
    async with Inbox(gateway_token="right") as inbox:

        def receiver(token):
            return closing(
                make_receiver(GatewayChannel(url=Secret(inbox.gateway_url), bearer_token=Secret(token)), renderer)
            )

        await receiver("right").send(text_to())
        with pytest.raises(Rejected, match="HTTP 401") as caught:
            await receiver("planted").send(text_to())
        assert caught.value.reason == "authError"
        assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "answer", "settings", "outcome"),
    [
        (200, '{"id": "7"}', {}, "7"),
        (200, '{"messages": [{"id": 9}]}', {"id_path": "messages.0.id"}, "9"),
        (200, "ok", {}, "key-0"),
        (202, '{"status": "queued"}', {"success": Verdict(("2xx",), "status", "^queued$")}, "key-0"),
        (200, '{"messages": [{"status": "0"}]}', {"success": Verdict(("200",), "messages.0.status", "^0$")}, "key-0"),
        (200, '{"messages": [{"status": "9"}]}', {"success": Verdict(("200",), "messages.0.status", "^0$")}, Rejected),
        (200, "0: Accepted for delivery", {"success": Verdict(("2xx",), "", "^0:")}, "key-0"),
        (200, "ERR: bad number", {"success": Verdict(("2xx",), "", "^0:")}, Rejected),
        (200, "{}", {"success": Verdict(("2xx",), "sid")}, Rejected),
        (202, "", {"success": Verdict(("200",))}, Rejected),
        (
            200,
            "ERR: throttled",
            {"success": Verdict(("2xx",), "", "^OK"), "retry_on": Verdict((), "", "throttl")},
            RetryLater,
        ),
        (409, "", {"retry_on": Verdict(("409",))}, RetryLater),
        (500, "", {"retry_on": Verdict(("409",))}, Rejected),
        (503, "", {}, RetryLater),
        (404, "", {}, Rejected),
        (302, "", {}, Rejected),
    ],
)
async def test_an_answer_is_judged_as_the_settings_say(gateway, status, answer, settings, outcome):
    receiver, _ = await gateway(status, answer, **settings)
    if isinstance(outcome, str):
        assert (await receiver.send(text_to())).provider_id == outcome
        return
    with pytest.raises(outcome):
        await receiver.send(text_to())


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "rate_limited"}, RetryLater, "rateLimited"),
        ({"kind": "server_error"}, RetryLater, "serverError"),
        ({"kind": "drop"}, RetryLater, "other"),
        ({"kind": "drop_after"}, RetryLater, "other"),
        ({"kind": "refused_recipient"}, Rejected, "clientError"),
        ({"kind": "invalid_token"}, Rejected, "authError"),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, closing, fault, kind, reason):
    inbox.fail("gateway", **fault)
    receiver = closing(make_receiver(GatewayChannel(url=Secret(f"{inbox.gateway_url}?apikey=planted")), renderer))
    with pytest.raises(kind) as caught:
        await receiver.send(text_to())
    assert caught.value.reason == reason
    assert "planted" not in str(caught.value)
    assert "planted" not in receiver.provider


@pytest.mark.parametrize(
    "url", ["not a url planted", "ftp://planted", "http://[planted", "http://127.0.0.1:99999/planted"]
)
async def test_a_url_that_cannot_be_used_is_final_and_stays_secret(renderer, closing, url):
    receiver = closing(make_receiver(GatewayChannel(url=Secret(url)), renderer))
    with pytest.raises(Rejected) as caught:
        await receiver.send(text_to())
    assert "planted" not in str(caught.value).replace("an SMS", "")


async def test_a_number_that_is_not_e164_and_a_missing_url_are_final(renderer):
    with pytest.raises(Rejected, match="no url is set"):
        await make_receiver(GatewayChannel(), renderer).send(text_to())
    with pytest.raises(Rejected, match=r"E\.164"):
        await make_receiver(GatewayChannel(url=Secret("http://127.0.0.1:1")), renderer).send(text_to("12"))


def test_placeholders_are_filled_once():
    """A text that holds {key} stays as it is, and what is no placeholder stays too."""
    values = {"to": "+1", "text": "say {key} and {to}", "key": "k"}
    assert fill("to={to}&text={text}&key={key}{other}", values) == "to=+1&text=say {key} and {to}&key=k{other}"


@given(st.text())
def test_any_text_survives_each_writing(text):
    clean = text.encode("utf-8", "ignore").decode()
    assert json.loads(fill('{"t":"{text:json}"}', {"text": clean})) == {"t": clean}
    plain = "".join(each for each in clean if each.isprintable())
    assert ET.fromstring(fill("<t>{text:xml}</t>", {"text": plain})).text == (plain or None)


def test_unknown_placeholders_are_found_and_json_is_none():
    assert unknown_placeholders('{"to": {to}, "x": "{txt}", "y": "{text:html}", "z": {}}') == ["txt", "text:html"]


@pytest.mark.parametrize(
    ("fields", "built"),
    [
        ({"to": "1"}, {"to": "1"}),
        ({"a.b.c": "1", "a.d": "2"}, {"a": {"b": {"c": "1"}, "d": "2"}}),
        ({"a.1": "y", "a.0": "x"}, {"a": ["x", "y"]}),
        ({"0.to": "1"}, [{"to": "1"}]),
    ],
)
def test_paths_become_objects_and_lists(fields, built):
    assert nest(fields) == built


@pytest.mark.parametrize("fields", [{"a": "1", "a.b": "2"}, {"a.b": "1", "a": "2"}])
def test_fields_that_stand_on_one_another_are_refused(fields):
    with pytest.raises(ValueError, match="stands where another one stands"):
        nest(fields)


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.0.b", "x"), ("a.1", ""), ("a.x", ""), ("n", "1.5"), ("t", "true"), ("a", ""), ("none", "")],
)
def test_a_path_leads_to_a_text_or_to_nothing(path, text):
    assert at_path({"a": [{"b": "x"}], "n": 1.5, "t": True, "none": None}, path) == text
