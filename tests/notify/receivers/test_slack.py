"""One incident is one Slack message: edited in place, told in its thread, posted anew where it is gone."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import SlackChannel
from agent.notify.inbox import Inbox
from agent.notify.receivers import make_receiver
from agent.notify.receivers.slack import AUTH_ERRORS, CONTENT_ERRORS, PERMANENT_ERRORS, RETRY_ERRORS
from agent.notify.receivers.slack_changes import change, remember
from tests.notify.messages.stories import NASTY, alert, notification


def bot(inbox, token="", **more):
    return SlackChannel(bot_token=Secret(token or inbox.slack_token), base_url=inbox.slack_base_url, **more)


@pytest.fixture
def receiver(inbox, renderer, closing):
    return closing(make_receiver(bot(inbox), renderer))


@pytest.fixture
def hooked(inbox, renderer, closing):
    return closing(make_receiver(SlackChannel(webhook_url=Secret(inbox.slack_webhook_url)), renderer))


def methods(inbox):
    return [each.method for each in inbox.messages("slack")]


async def test_a_first_message_is_posted_with_colour_and_buttons(inbox, receiver):
    receipt = await receiver.send(notification(alert()))
    (message,) = inbox.slack.channels()["#alerts"]
    assert message.text.startswith(":red_circle: *Critical: VeryHighErrorRate* on rag")
    assert message.attachments[0]["color"] == "#d40e0d"
    buttons = [
        each for block in message.attachments[0]["blocks"] for each in block.get("elements", []) if "url" in each
    ]
    assert [each["url"] for each in buttons] == [
        "https://burnline.example.org/runbooks/high-error-rate",
        "https://burnline.example.org/alerts/caaaffbd9ccf039f",
    ]
    assert receipt.state["ts"] == message.ts
    assert inbox.messages("slack")[0].key == "key-0"


def test_what_joined_is_told_by_what_sets_it_apart_where_its_name_says_nothing():
    """All tenants of an objective burn under one name."""
    tenants = [
        alert("", alertname="TenantBurn", tenant=name, sloth_severity="page") for name in ("acme", "globex", "initech")
    ]
    before = remember(notification(*tenants[:1]))

    told = change(notification(*tenants[:2], reason="new alerts added"), before)
    assert told == "1 new alert: TenantBurn tenant=globex\n2 alerts firing (new alerts added)"
    told = change(notification(*tenants, reason="new alerts added"), before)
    assert told.startswith("2 new alerts: TenantBurn tenant=globex, TenantBurn tenant=initech\n")


async def test_a_story_is_one_message_edited_with_a_reply_for_each_change(inbox, receiver):
    """First, another instance joins, all is over."""
    a, b = alert("a:1"), alert("b:1", start=1)
    first = await receiver.send(notification(a))
    second = await receiver.send(notification(a, b, seq=1, minute=2, reason="new alerts added", previous=first.state))
    over = [alert("a:1", end=8), alert("b:1", start=1, end=7)]
    await receiver.send(notification(*over, seq=2, minute=9, reason="all alerts resolved", previous=second.state))
    (message,) = inbox.slack.channels()["#alerts"]
    assert methods(inbox) == ["chat.postMessage", "chat.update", "chat.postMessage", "chat.update", "chat.postMessage"]
    assert message.edited == 2
    assert message.text == ":large_green_circle: *Resolved: VeryHighErrorRate* on rag after 12m"
    assert message.attachments[0]["color"] == "#2fa44f"
    assert [reply.text for reply in message.replies] == [
        "1 new alert: VeryHighErrorRate on b:1\n2 alerts firing (new alerts added)",
        ":large_green_circle: *Resolved* after 12m",
    ]
    assert [reply.broadcast for reply in message.replies] == [False, False]


async def test_a_repeat_says_so_in_the_thread(inbox, receiver):
    first = await receiver.send(notification(alert()))
    await receiver.send(
        notification(alert(), seq=1, minute=240, reason="repeat interval elapsed", previous=first.state)
    )
    (reply,) = inbox.slack.channels()["#alerts"][0].replies
    assert reply.text == "1 alert firing (repeat interval elapsed)"


async def test_who_acknowledged_is_said_once_in_the_thread(inbox, receiver):
    first = await receiver.send(notification(alert()))
    taken = {"acknowledged_by": "ana", "reason": "acknowledged by ana"}
    await receiver.send(notification(alert(), seq=1, minute=2, previous=first.state, **taken))
    (reply,) = inbox.slack.channels()["#alerts"][0].replies
    assert reply.text == "Acknowledged by ana\n1 alert firing"


async def test_a_rising_severity_and_an_escalation_are_told_to_the_whole_channel(inbox, receiver):
    first = await receiver.send(notification(alert(severity="warning")))
    second = await receiver.send(notification(alert(), seq=1, previous=first.state))
    await receiver.send(notification(alert(), seq=2, escalation_step=1, previous=second.state))
    replies = inbox.slack.channels()["#alerts"][0].replies
    assert [reply.broadcast for reply in replies] == [True, True]
    assert replies[0].text.startswith("Severity rose to critical")


async def test_one_problem_that_becomes_worse_and_better_is_told_as_that_and_not_as_alerts_that_come_and_go(
    inbox, receiver
):
    """A page and a ticket have one name; the thread need not count them."""
    page, ticket = alert(sloth_severity="page"), alert(severity="warning", sloth_severity="ticket")
    over = alert(sloth_severity="page", end=9)
    first = await receiver.send(notification(ticket))
    second = await receiver.send(notification(page, seq=1, reason="more severe now", previous=first.state))
    fallen = "less severe now, still firing"
    await receiver.send(notification(ticket, over, seq=2, minute=10, reason=fallen, previous=second.state))
    (message,) = inbox.slack.channels()["#alerts"]
    assert [reply.text for reply in message.replies] == [
        "Severity rose to critical",
        "Severity fell to warning: it is not over yet",
    ]
    assert [reply.broadcast for reply in message.replies] == [True, False]


async def test_an_acknowledgement_turns_it_grey_and_names_who(inbox, receiver):
    first = await receiver.send(notification(alert()))
    await receiver.send(notification(alert(), seq=1, acknowledged_by="ana <x>", previous=first.state))
    (message,) = inbox.slack.channels()["#alerts"]
    assert message.attachments[0]["color"] == "#8f8f8f"
    assert message.replies[0].text.startswith("Acknowledged by ana &lt;x&gt;")


async def test_a_new_incident_is_a_new_message(inbox, receiver):
    await receiver.send(notification(alert()))
    await receiver.send(notification(alert(), incident="incident-2", seq=1))
    assert len(inbox.slack.channels()["#alerts"]) == 2


async def test_an_edit_that_was_made_is_not_made_again_when_only_its_reply_failed(inbox, receiver):
    state = (await receiver.send(notification(alert()))).state
    inbox.fail("slack", "server_error", times=None, ratio=0.5)
    tries = 0
    for seq in range(1, 21):
        change = notification(alert(), seq=seq, reason="repeat interval elapsed", previous=state)
        while True:
            tries += 1
            try:
                state = (await receiver.send(change)).state
                break
            except RetryLater:
                continue
    assert tries > 40
    assert Counter(methods(inbox)) == {"chat.postMessage": 21, "chat.update": 20}


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_a_message_that_cannot_be_edited_is_posted_anew(inbox, receiver, code):
    first = await receiver.send(notification(alert()))
    inbox.fail("slack", "error", error=code)
    receipt = await receiver.send(notification(alert(), seq=1, previous=first.state))
    assert methods(inbox) == ["chat.postMessage", "chat.postMessage"]
    assert receipt.state["ts"] != first.state["ts"]


async def test_a_channel_archived_in_mid_incident_is_final_and_says_so(inbox, receiver):
    first = await receiver.send(notification(alert()))
    inbox.slack.archived.add(first.state["channel"])
    with pytest.raises(Rejected, match="is_archived; the channel is archived; name another one"):
        await receiver.send(notification(alert(), seq=1, previous=first.state))


async def test_a_person_is_told_in_a_direct_message_that_is_edited_too(inbox, receiver):
    first = await receiver.send(notification(alert(), to="U012ABC"))
    assert first.state["channel"].startswith("D")
    await receiver.send(notification(alert(end=0), to="U012ABC", seq=1, previous=first.state))
    assert inbox.slack.channels()["U012ABC"][0].edited == 1


async def test_the_rate_limit_says_when_to_come_again(inbox, receiver):
    inbox.fail("slack", "rate_limited", retry_after_s=17)
    with pytest.raises(RetryLater) as caught:
        await receiver.send(notification(alert()))
    assert (caught.value.after_ms, caught.value.reason) == (17_000, "rateLimited")
    assert not inbox.messages()


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "server_error"}, RetryLater, "serverError"),
        ({"kind": "drop"}, RetryLater, "other"),
        ({"kind": "drop_after"}, RetryLater, "other"),
        ({"kind": "invalid_token"}, Rejected, "authError"),
        ({"kind": "refused_recipient"}, Rejected, "clientError"),
        ({"kind": "slow", "delay_ms": 60_000}, RetryLater, "contextDeadlineExceeded"),
        *[({"kind": "error", "error": code}, RetryLater, None) for code in sorted(RETRY_ERRORS)],
        *[({"kind": "error", "error": code}, Rejected, "authError") for code in sorted(AUTH_ERRORS)],
        *[({"kind": "error", "error": code}, Rejected, "clientError") for code in sorted(PERMANENT_ERRORS)],
        ({"kind": "error", "error": "something_slack_invents"}, Rejected, "clientError"),
    ],
    ids=lambda each: each.get("error") or each["kind"] if isinstance(each, dict) else None,
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, closing, fault, kind, reason):
    inbox.fail("slack", **fault)
    slow = fault["kind"] == "slow"
    receiver = closing(make_receiver(bot(inbox, timeout_ms=200 if slow else 10_000), renderer))
    with pytest.raises(kind) as caught:
        await receiver.send(notification(alert()))
    assert reason is None or caught.value.reason == reason
    assert "#alerts" in str(caught.value) or fault["kind"] in ("drop", "drop_after", "slow")


@pytest.mark.parametrize("code", sorted(CONTENT_ERRORS))
async def test_content_that_slack_refuses_goes_as_plain_words(inbox, receiver, code):
    inbox.fail("slack", "error", error=code)
    await receiver.send(notification(alert()))
    (message,) = inbox.slack.channels()["#alerts"]
    assert message.attachments == []
    assert message.text.startswith("CRITICAL: VeryHighErrorRate\nrag: more than one query in ten fails")


async def test_content_that_is_refused_twice_is_final(inbox, receiver):
    inbox.fail("slack", "error", error="invalid_blocks", times=2)
    with pytest.raises(Rejected, match="invalid_blocks"):
        await receiver.send(notification(alert()))


async def test_an_answer_that_is_no_json_is_tried_again(renderer, closing, canned_server):
    url = await canned_server(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
    receiver = closing(make_receiver(SlackChannel(bot_token=Secret("xoxb-1"), base_url=f"{url}/api/"), renderer))
    with pytest.raises(RetryLater):
        await receiver.send(notification(alert()))


async def test_a_wrong_token_is_final_and_stays_secret(inbox, renderer, closing):
    receiver = closing(make_receiver(bot(inbox, "xoxb-planted-secret"), renderer))
    with pytest.raises(Rejected, match="invalid_auth; the bot token is wrong") as caught:
        await receiver.send(notification(alert()))
    assert "planted" not in f"{caught.value!r} {caught.value} {vars(receiver)}"


async def test_a_slack_that_is_not_there_is_tried_again(renderer, closing):
    async with Inbox() as gone:
        base = gone.slack_base_url
    receiver = closing(make_receiver(SlackChannel(bot_token=Secret("xoxb-1"), base_url=base), renderer))
    with pytest.raises(RetryLater, match="connection was refused"):
        await receiver.send(notification(alert()))


async def test_the_environment_s_proxy_is_not_used_for_loopback(inbox, receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await receiver.send(notification(alert()))
    assert len(inbox.messages("slack")) == 1


async def test_the_incoming_webhook_posts_each_change(inbox, hooked):
    first = await hooked.send(notification(alert()))
    await hooked.send(notification(alert(end=0), seq=1, previous=first.state))
    assert methods(inbox) == ["webhook", "webhook"]
    assert [each.status for each in inbox.messages("slack")] == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "rate_limited", "retry_after_s": 3}, RetryLater, "rateLimited"),
        ({"kind": "server_error"}, RetryLater, "serverError"),
        ({"kind": "drop"}, RetryLater, "other"),
        ({"kind": "invalid_token"}, Rejected, "authError"),
        ({"kind": "refused_recipient"}, Rejected, "clientError"),
        ({"kind": "error", "error": "invalid_payload", "times": 2}, Rejected, "clientError"),
    ],
)
async def test_the_incoming_webhook_s_refusals(inbox, hooked, fault, kind, reason):
    inbox.fail("slack_webhook", **fault)
    with pytest.raises(kind) as caught:
        await hooked.send(notification(alert()))
    assert caught.value.reason == reason
    assert "/services/" not in str(caught.value)


async def test_the_incoming_webhook_falls_back_to_plain_words(inbox, hooked):
    inbox.fail("slack_webhook", "error", error="invalid_blocks")
    await hooked.send(notification(alert()))
    assert inbox.messages("slack")[0].text.startswith("CRITICAL: VeryHighErrorRate")


async def test_a_removed_webhook_is_final(inbox, renderer, closing):
    receiver = closing(make_receiver(SlackChannel(webhook_url=Secret(f"{inbox.url}/services/gone")), renderer))
    with pytest.raises(Rejected, match="no_service; the webhook was removed"):
        await receiver.send(notification(alert()))


async def test_without_credentials_it_says_what_is_missing(renderer):
    with pytest.raises(Rejected, match="neither a bot token nor a webhook URL is set"):
        await make_receiver(SlackChannel(), renderer).send(notification(alert()))


@pytest.mark.parametrize("kind", NASTY)
async def test_no_label_is_refused_by_slack_s_limits_or_mentions_anybody(inbox, receiver, kind):
    text = NASTY[kind]
    many = [alert(f"{text}{n}", alertname=text, service=text, a_summary=text, a_description=text) for n in range(20)]
    first = await receiver.send(notification(*many, reason=text))
    await receiver.send(notification(*many, reason=text, seq=1, acknowledged_by=text, previous=first.state))
    assert methods(inbox) == ["chat.postMessage", "chat.update", "chat.postMessage"]
    assert inbox.slack.channels()["#alerts"][0].attachments
    assert not any("<!channel" in each.text or "<!here" in each.text for each in inbox.messages("slack"))


async def test_names_and_icons_of_alertmanager_yml_are_sent(inbox, receiver, monkeypatch):
    """They are Go templates too; what is empty is left out."""
    seen = []
    keep = inbox.slack._keep
    monkeypatch.setattr(inbox.slack, "_keep", lambda *given: seen.append(given[1]) or keep(*given))
    options = {"username": "pager {{ .Status }}", "icon_emoji": ":fire:", "icon_url": ""}
    await receiver.send(notification(alert(), options=options))
    assert (seen[0]["username"], seen[0]["icon_emoji"]) == ("pager firing", ":fire:")
    assert "icon_url" not in seen[0]
    assert (seen[0]["link_names"], seen[0]["unfurl_links"]) == (False, False)


ACK = {"ack_url": "https://burnline.example.org/a/1", "silence_url": "https://burnline.example.org/s/1"}


def buttons(message):
    blocks = message.attachments[0]["blocks"]
    return {each["text"]["text"]: each for block in blocks if block["type"] == "actions" for each in block["elements"]}


async def test_acknowledging_and_silencing_are_buttons_that_open_a_page(inbox, receiver):
    """They need nothing that Slack could reach; where they are, no command has to be typed."""
    await receiver.send(notification(alert(), **ACK))
    (message,) = inbox.slack.channels()["#alerts"]
    found = buttons(message)
    assert list(found) == ["Acknowledge", "Silence", "Runbook", "Details"]
    assert (found["Acknowledge"]["url"], found["Acknowledge"]["style"]) == (ACK["ack_url"], "primary")
    assert "style" not in found["Runbook"]
    assert "burnline ack" not in inbox.messages("slack")[0].text


async def test_what_is_over_has_nothing_to_acknowledge(inbox, receiver):
    await receiver.send(notification(alert(end=-1), **ACK))
    assert list(buttons(inbox.slack.channels()["#alerts"][0])) == ["Runbook", "Details"]


async def test_fields_buttons_and_pictures_of_slack_configs_are_sent(inbox, receiver):
    options = {
        "title": "{{ .CommonLabels.alertname }}",
        "title_link": "https://wiki.example.org/a|b",
        "fields": [
            {"title": "Status", "value": "{{ .Status }}", "short": True},
            {"title": "Who", "value": "ana", "short": True},
            {"title": "Long", "value": "{{ .CommonAnnotations.description }}", "short": False},
            {"title": "", "value": "{{ .GroupLabels.nothing }}", "short": True},
        ],
        "actions": [
            {"type": "button", "text": "Wiki", "url": "https://wiki.example.org/{{ .Status }}", "style": "danger",
             "confirm": {"text": "Sure?", "ok_text": "Go"}},
            {"type": "button", "text": "No page", "name": "x"},
            {"type": "button", "text": "Bad", "url": "javascript:alert(1)"},
        ],
        "image_url": "https://img.example.org/a.png",
        "thumb_url": "https://img.example.org/t.png",
        "fallback": "{{ .Status }}!",
    }  # fmt: skip
    await receiver.send(notification(alert(), options=options))
    (message,) = inbox.slack.channels()["#alerts"]
    (attachment,) = message.attachments
    assert message.text == "<https://wiki.example.org/a%7Cb|VeryHighErrorRate>"
    assert attachment["fallback"] == "firing!"
    sections = [block for block in attachment["blocks"] if block["type"] == "section"]
    assert [each["text"] for each in sections[-2]["fields"]] == ["*Status*\nfiring", "*Who*\nana"]
    assert sections[-1]["text"]["text"].startswith("*Long*\n13.4% of")
    assert sections[0]["accessory"]["image_url"].endswith("/t.png")
    assert any(block["type"] == "image" for block in attachment["blocks"])
    wiki = buttons(message)["Wiki"]
    assert (wiki["url"], wiki["style"], wiki["confirm"]["confirm"]["text"]) == (
        "https://wiki.example.org/firing", "danger", "Go",
    )  # fmt: skip
    assert not {"No page", "Bad"} & set(buttons(message))


@pytest.mark.parametrize("kind", NASTY)
async def test_no_text_of_slack_configs_breaks_slack_s_limits(inbox, receiver, kind):
    told = notification(
        *[alert(f"n{n}", service=NASTY[kind]) for n in range(3)],
        options={
            "title": "{{ .CommonLabels.service }}",
            "text": "{{ .CommonLabels.service }}",
            "footer": "{{ .CommonLabels.service }}",
            "fallback": "{{ .CommonLabels.service }}",
            "fields": [{"title": "{{ .CommonLabels.service }}", "value": "{{ .CommonLabels.service }}"}] * 60,
            "actions": [{"type": "button", "text": "{{ .CommonLabels.service }}", "url": "https://x.example.org"}] * 30,
        },
    )
    await receiver.send(told)
    assert inbox.slack.channels()["#alerts"][0].attachments, "the rich form was taken"


async def test_ten_thousand_alerts_are_one_message_within_the_limits(inbox, receiver):
    await receiver.send(notification(*[alert(f"n{n}", a_description="d" * 500) for n in range(10_000)]))
    (message,) = inbox.slack.channels()["#alerts"]
    assert "10000 firing" in str(message.attachments)


async def test_the_end_is_shown_in_the_channel_where_the_settings_ask(inbox, renderer, closing):
    receiver = closing(make_receiver(bot(inbox, broadcast=("resolved",)), renderer))
    first = await receiver.send(notification(alert(severity="warning")))
    second = await receiver.send(notification(alert(), seq=1, previous=first.state))
    await receiver.send(notification(alert(end=8), seq=2, minute=9, previous=second.state))
    assert [each.broadcast for each in inbox.slack.channels()["#alerts"][0].replies] == [False, True]


async def test_a_reminder_is_shown_outside_of_the_thread_which_nobody_follows(inbox, receiver):
    first = await receiver.send(notification(alert()))
    await receiver.send(notification(alert(), seq=1, previous=first.state, options={"reminder": True}))
    assert [each.broadcast for each in inbox.slack.channels()["#alerts"][0].replies] == [True]


@pytest.mark.parametrize(
    ("style", "said"),
    [("post", ["chat.postMessage", "chat.postMessage"]), ("edit", ["chat.postMessage", "chat.update"])],
)
async def test_strict_mode_posts_each_change_or_edits_without_a_thread(inbox, renderer, closing, style, said):
    """As Alertmanager without and with update_message."""
    receiver = closing(make_receiver(bot(inbox, style=style), renderer))
    first = await receiver.send(notification(alert()))
    await receiver.send(notification(alert(), alert("b"), seq=1, previous=first.state))
    assert methods(inbox) == said


async def test_a_channel_may_be_a_template(inbox, receiver):
    first = await receiver.send(notification(alert(), to="#{{ .CommonLabels.service }}"))
    await receiver.send(notification(alert(), to="#{{ .CommonLabels.service }}", seq=1, previous=first.state))
    assert inbox.slack.channels()["#rag"][0].edited == 1


async def test_posting_is_limited_by_channel_and_editing_by_workspace(inbox, receiver):
    first = await receiver.send(notification(alert()))
    for previous, scope in (({}, "target"), (first.state, "provider")):
        inbox.fail("slack", "rate_limited", retry_after_s=2)
        with pytest.raises(RetryLater) as caught:
            await receiver.send(notification(alert(), seq=1, previous=previous))
        assert caught.value.scope == scope


async def test_what_slack_takes_is_delivered(receiver, hooked):
    assert (await receiver.send(notification(alert()))).delivered
    assert (await hooked.send(notification(alert()))).delivered


async def test_a_probe_says_whose_token_it_is_and_posts_nothing(inbox, receiver, hooked, renderer, closing):
    assert await receiver.probe() == "bot burnline of the workspace Burnline inbox"
    assert "nothing can be asked" in await hooked.probe()
    assert not inbox.messages()
    with pytest.raises(Rejected, match=r"asking Slack \(auth\.test\): invalid_auth"):
        await closing(make_receiver(bot(inbox, "xoxb-wrong"), renderer)).probe()


def test_all_receivers_that_use_slack_share_one_provider(inbox, renderer):
    own = [make_receiver(SlackChannel(bot_token=Secret(f"xoxb-{n}")), renderer) for n in range(2)]
    assert {each.provider for each in own} == {"slack"}
    assert make_receiver(bot(inbox), renderer).provider.startswith("slack at 127.0.0.1:")
