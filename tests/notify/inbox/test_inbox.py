"""The inbox is honest: real limits, real errors, errors on demand, and a page that nothing can break out of."""

from __future__ import annotations

import asyncio
import base64
import re

import aiohttp
import aiosmtplib
import pytest
import pytest_asyncio

from agent.errors import InvalidInput
from agent.notify.inbox import FaultKind, Inbox
from agent.notify.inbox.arrivals import Arrivals
from agent.notify.inbox.faults import Fault, Faults
from agent.notify.inbox.mrkdwn import to_html
from agent.notify.inbox.slack import check

NOW_MS = 1_767_621_720_000
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "a"}}


@pytest_asyncio.fixture
async def inbox():
    async with Inbox(now_ms=lambda: NOW_MS) as made:
        yield made


@pytest_asyncio.fixture
async def client():
    async with aiohttp.ClientSession() as made:
        yield made


async def slack(client, inbox, method, *, token=None, **arguments):
    headers = {"Authorization": f"Bearer {token or inbox.slack_token}"}
    async with client.post(f"{inbox.slack_base_url}{method}", json=arguments, headers=headers) as response:
        return await response.json()


async def twilio(client, inbox, token=None, **form):
    pair = base64.b64encode(f"{inbox.twilio_account}:{token or inbox.twilio_token}".encode()).decode()
    url = f"{inbox.twilio_base_url}/2010-04-01/Accounts/{inbox.twilio_account}/Messages.json"
    async with client.post(url, data=form, headers={"Authorization": f"Basic {pair}"}) as response:
        return response.status, await response.json()


async def test_slack_keeps_messages_by_channel_and_ts(client, inbox):
    first = await slack(client, inbox, "chat.postMessage", channel="#a", text="one")
    second = await slack(client, inbox, "chat.postMessage", channel="#a", text="two")
    reply = await slack(client, inbox, "chat.postMessage", channel=first["channel"], text="r", thread_ts=first["ts"])
    changed = await slack(client, inbox, "chat.update", channel=first["channel"], ts=first["ts"], text="ONE")
    assert first["ok"] and second["ok"] and reply["ok"] and changed["ok"]
    assert first["ts"] < second["ts"] < reply["ts"]
    shown = inbox.slack.channels()["#a"]
    assert [each.text for each in shown] == ["ONE", "two"]
    assert [each.text for each in shown[0].replies] == ["r"]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"text": "a"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#a"}, "no_text"),
        ("chat.postMessage", {"channel": "#a", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "#a", "text": "x", "thread_ts": "1.0"}, "thread_not_found"),
        ("chat.update", {"channel": "#a", "ts": "1.0", "text": "x"}, "channel_not_found"),
        ("chat.delete", {}, "unknown_method"),
    ],
)
async def test_slack_refuses_as_slack_does(client, inbox, method, arguments, error):
    await slack(client, inbox, "chat.postMessage", channel="#a", text="so that the channel exists")
    assert await slack(client, inbox, method, **arguments) == {"ok": False, "error": error}


async def test_slack_knows_its_token(client, inbox):
    assert (await slack(client, inbox, "auth.test"))["ok"]
    assert await slack(client, inbox, "auth.test", token="xoxb-other") == {"ok": False, "error": "invalid_auth"}
    async with client.post(f"{inbox.slack_base_url}auth.test") as response:
        assert (await response.json())["error"] == "not_authed"


async def test_a_message_that_is_gone_cannot_be_updated(client, inbox):
    posted = await slack(client, inbox, "chat.postMessage", channel="#a", text="one")
    answer = await slack(client, inbox, "chat.update", channel=posted["channel"], ts="1.000000", text="x")
    assert answer["error"] == "message_not_found"


def blocks(*each):
    return {"text": "a", "attachments": [{"blocks": list(each)}]}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (blocks(SECTION), ""),
        (blocks(*[SECTION] * 50), ""),
        (blocks(*[SECTION] * 51), "invalid_blocks"),
        (blocks({"type": "section"}), "invalid_blocks"),
        (blocks({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}), "invalid_blocks"),
        (blocks({"type": "section", "fields": [SECTION["text"]] * 11}), "invalid_blocks"),
        (blocks({"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}), "invalid_blocks"),
        (blocks({"type": "actions", "elements": []}), "invalid_blocks"),
        (blocks({"type": "actions", "elements": [{"text": SECTION["text"], "url": "javascript:x"}]}), "invalid_blocks"),
        (blocks({"type": "unknown"}), "invalid_blocks"),
        (blocks(*[{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5), "msg_blocks_too_long"),
    ],
)
def test_slack_s_limits(message, error):
    """The limits are those of Slack's reference for blocks and of its issue about the sum."""
    assert check(message) == error


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"To": "+33612345678", "From": "+15550001111", "Body": "a"}, 201, None),
        ({"From": "+15550001111", "Body": "a"}, 400, 21604),
        ({"To": "+33612345678", "From": "+15550001111"}, 400, 21602),
        ({"To": "+33612345678", "Body": "a"}, 400, 21603),
        ({"To": "0612345678", "From": "+15550001111", "Body": "a"}, 400, 21211),
        ({"To": "+33612345678", "From": "+15550001111", "Body": "a" * 1601}, 400, 21617),
        ({"To": "+15005550004", "From": "+15550001111", "Body": "a"}, 400, 21610),
    ],
)
async def test_twilio_refuses_as_twilio_does(client, inbox, form, status, code):
    got, said = await twilio(client, inbox, **form)
    assert (got, said.get("code")) == (status, code)


async def test_twilio_knows_its_token(client, inbox):
    status, said = await twilio(client, inbox, token="wrong", To="+33612345678", From="+1555", Body="a")
    assert (status, said["code"]) == (401, 20003)


async def test_counts_and_messages_are_json(client, inbox):
    await twilio(client, inbox, To="+33612345678", From="+15550001111", Body="CRIT rag Down: it is down")
    await twilio(client, inbox, To="+33612345678", From="+15550001111", Body="OK rag Down: over")
    async with client.get(f"{inbox.url}/counts") as response:
        assert await response.json() == {"version": 2, "sms": {"total": 2, "firing": 1, "resolved": 1}}
    async with client.get(f"{inbox.url}/messages?kind=sms&after=1") as response:
        (message,) = await response.json()
    assert (message["kind"], message["to"], message["status"], message["at_ms"]) == (
        "sms",
        "+33612345678",
        "resolved",
        NOW_MS,
    )


async def test_faults_are_set_and_cleared_over_http(client, inbox):
    async with client.post(
        f"{inbox.url}/faults", json={"service": "twilio", "kind": "server_error", "times": None}
    ) as answer:
        assert answer.status == 200
    form = {"To": "+33612345678", "From": "+15550001111", "Body": "a"}
    assert [(await twilio(client, inbox, **form))[0] for _ in range(3)] == [500, 500, 500]
    async with client.delete(f"{inbox.url}/faults") as answer:
        assert answer.status == 200
    assert (await twilio(client, inbox, **form))[0] == 201


@pytest.mark.parametrize(
    "body",
    ['{"service": "fax", "kind": "drop"}', '{"service": "smtp", "kind": "fire"}', '{"service": "smtp", "kind": "drop", "x": 1}',
     '{"service": "smtp", "kind": "drop", "ratio": 2}', "[]", "not json", '{"service": "smtp", "kind": "drop", "times": "x"}'],
)  # fmt: skip
async def test_a_bad_fault_is_refused_with_words(client, inbox, body):
    async with client.post(f"{inbox.url}/faults", data=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]


def test_a_fault_hits_as_often_as_it_says():
    faults = Faults()
    faults.set(Fault("slack", FaultKind.DROP, times=2))
    assert [faults.next("slack") is not None for _ in range(4)] == [True, True, False, False]
    assert faults.next("smtp") is None


def test_a_ratio_is_repeatable_by_its_seed_and_about_right():
    def hits(seed):
        faults = Faults(seed)
        faults.set(Fault("slack", FaultKind.SERVER_ERROR, times=None, ratio=0.3))
        return [faults.next("slack") is not None for _ in range(1000)]

    assert hits(1) == hits(1) != hits(2)
    assert 240 <= sum(hits(1)) <= 360


def test_an_unknown_service_is_refused():
    with pytest.raises(InvalidInput, match="no such service"):
        Fault("fax", FaultKind.DROP)


def test_memory_is_bounded_by_count_and_by_size():
    arrivals = Arrivals(capacity=3, max_bytes=10_000)
    for n in range(5):
        arrivals.add("sms", n, "+1", str(n))
    assert [each.text for each in arrivals.kept()] == ["2", "3", "4"]
    arrivals.add("sms", 6, "+1", "x" * 9_700)
    assert len(arrivals.kept()) == 1
    assert arrivals.counts()["sms"]["total"] == 6


async def test_mail_over_the_size_limit_is_refused(inbox):
    host, port = inbox.smarthost.split(":")
    with pytest.raises(aiosmtplib.SMTPException):
        await aiosmtplib.send(b"Subject: x\r\n\r\n" + b"x" * 6_000_000, sender="a@b.example", recipients=["c@d.example"],
                              hostname=host, port=int(port), start_tls=False)  # fmt: skip
    assert not inbox.messages()


async def test_mail_of_any_kind_is_taken(inbox):
    """A mail that is no MIME, in an unknown charset, with several recipients."""
    host, port = inbox.smarthost.split(":")
    wire = b"Subject: =?nope?q?x?=\r\nContent-Type: text/plain; charset=nope\r\n\r\n\xff\xfe\r\n"
    await aiosmtplib.send(wire, sender="a@b.example", recipients=["c@d.example", "e@f.example"], hostname=host,
                          port=int(port), start_tls=False)  # fmt: skip
    assert [each.to for each in inbox.messages("email")] == ["c@d.example", "e@f.example"]


async def test_one_can_wait_for_a_message(client, inbox):
    waiting = asyncio.create_task(inbox.arrived("slack", 2))
    await slack(client, inbox, "chat.postMessage", channel="#a", text="one")
    await slack(client, inbox, "chat.postMessage", channel="#a", text="two")
    assert [each.text for each in await waiting] == ["one", "two"]


async def test_a_taken_port_is_an_error_and_nothing_stays_open(inbox):
    second = Inbox(smtp_port=inbox.smtp_port)
    with pytest.raises(OSError):
        await second.start()
    third = Inbox(http_port=second.http_port)
    await third.start()
    await third.stop()


async def test_the_page_shows_what_came_and_lets_no_script_in(client, inbox):
    evil = "<script>alert(1)</script>"
    await slack(
        client,
        inbox,
        "chat.postMessage",
        channel=f"#{evil}",
        text=f"{evil} <javascript:alert(1)|x> <https://a.example|*b*>",
    )
    await twilio(client, inbox, To="+33612345678", From="+15550001111", Body=f"sms {evil}")
    host, port = inbox.smarthost.split(":")
    wire = f"Subject: {evil}\r\nContent-Type: text/html\r\n\r\n<p>mail</p>{evil}\r\n".encode()
    await aiosmtplib.send(
        wire, sender="a@b.example", recipients=["c@d.example"], hostname=host, port=int(port), start_tls=False
    )
    async with client.get(inbox.url) as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert page.count("<script>") == 1  # its own
    assert 'href="javascript' not in page
    assert '<a href="https://a.example"' in page
    assert re.search(r'<iframe sandbox=""[^>]*srcdoc="&lt;p&gt;mail', page)
    assert "default-src 'none'" in policy
    assert inbox.settings().splitlines()[1] in page.replace("&#34;", '"')


async def test_an_empty_page_says_so(client, inbox):
    async with client.get(inbox.url) as response:
        page = await response.text()
    assert all(words in page for words in ("No Slack message yet", "No text message yet", "No mail yet"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _it_ ~no~ `a*b*`", "<b>bold</b> <em>it</em> <s>no</s> <code>a*b*</code>"),
        ("a_b_c 2*3*4", "a_b_c 2*3*4"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
        ("<https://a.example/?a=1&amp;b=2|go>", '<a href="https://a.example/?a=1&amp;b=2" rel="noreferrer">go</a>'),
        ("<!date^1767621720^{time}|14:02 UTC>", "14:02 UTC"),
        ("<!channel>", '<b class="mention">!channel</b>'),
        ('<https://a.example/"onx=|x>', '<a href="https://a.example/&quot;onx=" rel="noreferrer">x</a>'),
        (":unknown_emoji:", ":unknown_emoji:"),
        ("a\nb", "a<br>b"),
    ],
)
def test_mrkdwn_becomes_safe_html(text, html):
    assert to_html(text) == html


async def test_a_reply_that_no_agent_takes_says_where_it_was_sent(client, inbox):
    inbox.phone.callback_base = "http://127.0.0.1:1"
    async with client.post(f"{inbox.url}/reply", data={"phone": "+33612345678", "text": "482193"}) as answer:
        assert answer.status == 502
        assert "http://127.0.0.1:1: nobody answers there" in await answer.text()


async def test_the_page_of_another_site_cannot_text_back(client, inbox):
    headers = {"Origin": "http://evil.example"}
    async with client.post(
        f"{inbox.url}/reply", data={"phone": "+33612345678", "text": "1"}, headers=headers
    ) as answer:
        assert answer.status == 403
    assert not inbox.messages("reply")
