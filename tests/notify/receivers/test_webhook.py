"""The webhook speaks Alertmanager's JSON, version 4."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import HttpSettings, OAuth2Settings, WebhookChannel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.client import excepted, leads_inside
from agent.notify.receivers.webhook import payload
from agent.notify.tls import TlsSettings
from tests.notify.messages.stories import alert, notification


def test_the_object_is_alertmanager_s():
    """The keys are those that Alertmanager's documentation lists for webhook_config."""
    a, b = alert("a:1"), alert("b:1", end=-1)
    assert payload(notification(a, b)) == {
        "version": "4",
        "groupKey": '{}:{alertname="VeryHighErrorRate"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "oncall",
        "notification_reason": "first notification",
        "groupLabels": {"alertname": "VeryHighErrorRate"},
        "commonLabels": {"alertname": "VeryHighErrorRate", "service": "rag", "severity": "critical"},
        "commonAnnotations": dict(a.annotations),
        "externalURL": "https://burnline.example.org",
        "alerts": [
            {
                "status": "firing",
                "labels": dict(a.labels),
                "annotations": dict(a.annotations),
                "startsAt": "2026-01-05T13:58:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "https://burnline.example.org/alerts/caaaffbd9ccf039f",
                "fingerprint": a.fingerprint,
            },
            {
                "status": "resolved",
                "labels": dict(b.labels),
                "annotations": dict(b.annotations),
                "startsAt": "2026-01-05T13:58:00.000Z",
                "endsAt": "2026-01-05T14:01:00.000Z",
                "generatorURL": "https://burnline.example.org/alerts/caaaffbd9ccf039f",
                "fingerprint": b.fingerprint,
            },
        ],
    }


def test_alerts_beyond_the_limit_are_counted():
    made = payload(notification(*[alert(f"n{n}") for n in range(5)]), max_alerts=2)
    assert (len(made["alerts"]), made["truncatedAlerts"]) == (2, 3)


async def test_it_is_posted_with_its_idempotency_key(inbox, renderer, closing):
    receiver = closing(make_receiver(WebhookChannel(url=Secret(inbox.webhook_url), max_alerts=1), renderer))
    await receiver.send(notification(alert("a"), alert("b")))
    (message,) = inbox.messages("webhook")
    assert message.key == "key-0"
    assert json.loads(message.text)["truncatedAlerts"] == 1


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "after_ms"),
    [
        ({"kind": "rate_limited", "retry_after_s": 4}, RetryLater, "rateLimited", 4_000),
        ({"kind": "server_error"}, RetryLater, "serverError", None),
        ({"kind": "drop"}, RetryLater, "other", None),
        ({"kind": "error", "error": "bad planted-token"}, Rejected, "clientError", None),
        ({"kind": "invalid_token"}, Rejected, "authError", None),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, closing, fault, kind, reason, after_ms):
    """And an answer that echoes the token does not put it into the error."""
    inbox.fail("webhook", **fault)
    channel = WebhookChannel(
        url=Secret(f"{inbox.webhook_url}?key=planted-key"), http=HttpSettings(credentials=Secret("planted-token"))
    )
    with pytest.raises(kind) as caught:
        await closing(make_receiver(channel, renderer)).send(notification(alert()))
    assert caught.value.reason == reason
    assert getattr(caught.value, "after_ms", None) == after_ms
    assert "planted" not in str(caught.value)


@pytest.fixture
async def listener():
    """Give a function that starts a server whose handler is given; what it was asked is kept in `asked`."""
    runners, asked = [], []

    async def start(handle):
        async def noted(request):
            asked.append((request.method, request.path_qs, dict(request.headers), await request.read()))
            return await handle(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", noted)
        runner = web.AppRunner(app, access_log=None)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    start.asked = asked
    yield start
    for runner in runners:
        await runner.cleanup()


async def fine(request):
    return web.Response(text="ok")


async def test_a_redirect_that_loses_the_body_is_refused(renderer, closing, canned_server):
    """Other clients go on with an empty GET, whose 200 they take for a delivery."""
    url = await canned_server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(Rejected, match="HTTP 302, a redirect that would lose the message"):
        await closing(make_receiver(WebhookChannel(url=Secret(url)), renderer)).send(notification(alert()))


async def test_a_redirect_that_keeps_the_body_is_followed_and_credentials_stay_at_home(renderer, closing, listener):
    far = await listener(fine)

    async def away(request):
        raise web.HTTPPermanentRedirect(f"{far}/there")

    near = await listener(away)
    http = HttpSettings(credentials=Secret("planted"), headers=(("X-Team", Secret("planted")),))
    channel = WebhookChannel(url=Secret(near), http=http)
    await closing(make_receiver(channel, renderer)).send(notification(alert()))
    (_, _, first, body), (method, path, second, again) = listener.asked
    assert (method, path, again) == ("POST", "/there", body)
    assert (first["Authorization"], first["X-Team"]) == ("Bearer planted", "planted")
    assert "planted" not in str(second)


@pytest.mark.parametrize(
    "inside",
    ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.100.100.200"],
)
async def test_a_redirect_to_where_a_cloud_keeps_its_keys_is_not_followed(renderer, closing, listener, inside):
    """What answers there would be read, and its answer shown."""

    async def away(request):
        raise web.HTTPTemporaryRedirect(f"http://{inside}/latest/meta-data/")

    channel = WebhookChannel(url=Secret(await listener(away)))
    with pytest.raises(Rejected, match="HTTP 307, a redirect to a link-local address"):
        await closing(make_receiver(channel, renderer)).send(notification(alert()))


async def test_a_name_that_leads_there_is_found_out(monkeypatch):
    async def lookup(host, port):
        assert host == "metadata.example"
        return [(2, 1, 6, "", ("10.0.0.1", 80)), (2, 1, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    assert await leads_inside("http://metadata.example/")
    monkeypatch.undo()
    assert not await leads_inside("http://127.0.0.1:80/")


async def test_redirects_can_be_forbidden_and_do_not_go_round(renderer, closing, listener):
    async def round_and_round(request):
        raise web.HTTPTemporaryRedirect("/again")

    url = await listener(round_and_round)
    for follow, said in ((False, "HTTP 307, a redirect"), (True, "redirected more than 5 times")):
        channel = WebhookChannel(url=Secret(url), http=HttpSettings(follow_redirects=follow))
        with pytest.raises(Rejected, match=said):
            await closing(make_receiver(channel, renderer)).send(notification(alert()))
    assert len(listener.asked) == 7


async def test_an_access_token_is_fetched_once_and_again_when_it_is_refused(renderer, closing, listener):
    good = ["one"]

    async def answer(request):
        if request.path == "/token":
            form = await request.post()
            assert (form["grant_type"], form["client_secret"], form["scope"]) == ("client_credentials", "s", "a b")
            return web.json_response({"access_token": good[0], "expires_in": 3600})
        known = request.headers["Authorization"] == f"Bearer {good[0]}"
        return web.Response(status=200 if known else 401)

    url = await listener(answer)
    oauth2 = OAuth2Settings(f"{url}/token", "me", Secret("s"), scopes=("a", "b"))
    channel = WebhookChannel(url=Secret(f"{url}/hook"), http=HttpSettings(oauth2=oauth2))
    receiver = closing(make_receiver(channel, renderer))
    await receiver.send(notification(alert()))
    await receiver.send(notification(alert()))
    good[0] = "two"
    await receiver.send(notification(alert()))
    assert [path for _, path, _, _ in listener.asked] == ["/token", "/hook", "/hook", "/hook", "/token", "/hook"]


async def test_a_proxy_is_used_except_for_what_no_proxy_names(renderer, closing, listener):
    proxy = await listener(fine)
    http = HttpSettings(proxy_url=Secret(proxy), no_proxy=("other.example.org",))
    channel = WebhookChannel(url=Secret("http://hooks.example.org/x?y=1"), http=http)
    await closing(make_receiver(channel, renderer)).send(notification(alert()))
    ((method, _, headers, _),) = listener.asked
    assert (method, headers["Host"]) == ("POST", "hooks.example.org")


@pytest.mark.parametrize(
    ("host", "rules", "spared"),
    [
        ("a.example.org", ("example.org",), True),
        ("a.example.org", (".example.org",), True),
        ("badexample.org", ("example.org",), False),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("10.1.2.3", ("10.1.2.4",), False),
        ("x", ("*",), True),
        ("x", (), False),
    ],
)
def test_what_no_proxy_spares(host, rules, spared):
    assert excepted(host, rules) is spared


async def test_basic_credentials_and_other_schemes_are_sent(renderer, closing, listener):
    url = await listener(fine)
    for http in (HttpSettings(username="u", password=Secret("p")), HttpSettings(credentials=Secret("k"), scheme="Key")):
        await closing(make_receiver(WebhookChannel(url=Secret(url), http=http), renderer)).send(notification(alert()))
    assert [headers["Authorization"] for _, _, headers, _ in listener.asked] == ["Basic dTpw", "Key k"]


async def test_a_private_authority_is_trusted_where_tls_config_names_it(renderer, closing, server_tls, authority):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_tls)
    url = Secret(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    channel = WebhookChannel(url=url, http=HttpSettings(tls=TlsSettings(ca_file=authority[1])))
    receipt = await closing(make_receiver(channel, renderer)).send(notification(alert()))
    assert receipt.delivered
    server.close()


async def test_a_payload_of_one_s_own_is_posted_with_its_texts_rendered(inbox, renderer, closing):
    options = {"payload": {"text": "{{ .Status }}", "list": ["{{ len .Alerts }}", 7], "more": {"x": True}}}
    await closing(make_receiver(WebhookChannel(url=Secret(inbox.webhook_url)), renderer)).send(
        notification(alert(), options=options)
    )
    (message,) = inbox.messages("webhook")
    assert json.loads(message.text) == {"text": "firing", "list": ["1", 7], "more": {"x": True}}


async def test_a_url_may_be_a_template_and_its_failure_does_not_show_it(inbox, renderer, closing):
    good = Secret(f"{inbox.url}/{{{{ if .Alerts }}}}webhook{{{{ end }}}}")
    await closing(make_receiver(WebhookChannel(url=good), renderer)).send(notification(alert()))
    assert len(inbox.messages("webhook")) == 1
    bad = Secret("http://planted.example.org/{{ .Planted }}")
    with pytest.raises(Rejected) as caught:
        await closing(make_receiver(WebhookChannel(url=bad), renderer)).send(notification(alert()))
    assert "anted" not in str(caught.value)


async def test_an_endless_answer_is_read_no_further_than_needed(renderer, closing, canned_server):
    url = await canned_server(b"HTTP/1.1 400 Bad\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 200_000)
    with pytest.raises((Rejected, RetryLater)) as caught:
        await closing(make_receiver(WebhookChannel(url=Secret(url)), renderer)).send(notification(alert()))
    assert len(str(caught.value)) < 400


async def test_an_untrusted_certificate_is_final(renderer, closing, server_tls):
    from agent.notify.inbox import Inbox

    async with Inbox(smtp_tls=server_tls, smtp_implicit_tls=True) as inbox:
        url = Secret(f"https://127.0.0.1:{inbox.smtp_port}/")
        with pytest.raises(Rejected, match="certificate is not trusted"):
            await closing(make_receiver(WebhookChannel(url=url), renderer)).send(notification(alert()))
