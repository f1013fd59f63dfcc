"""What Twilio sends to us: nothing unsigned is believed, and a reply means what people mean by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidInput
from agent.model import Secret
from agent.notify.channels import GatewayChannel, TwilioChannel
from agent.notify.messages.segments import segments
from agent.notify.notification import Delivery
from agent.notify.twilio_callbacks import Command, TwilioCallbacks, Unsigned, help_text, read_command, signature, twiml

BASE = "https://burnline.example.org"
TOKEN = Secret("12345")
STATUS, REPLY = f"{BASE}/api/v1/twilio/status", f"{BASE}/api/v1/twilio/reply"
FATE = [("MessageSid", "SM1"), ("MessageStatus", "undelivered"), ("ErrorCode", "30003"), ("To", "+33612345678")]


@pytest.fixture
def callbacks():
    return TwilioCallbacks([GatewayChannel(), TwilioChannel("AC1", TOKEN, "+15550001111")], f"{BASE}/")


@pytest.mark.parametrize(
    ("caller", "signed"),
    [("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")],
)
def test_published_requests_get_their_published_signature(caller, signed):
    """From Twilio's page on request validation, and its libraries' tests."""
    form = [
        ("To", "+18005551212"),
        ("Digits", "1234"),
        ("From", caller),
        ("Caller", caller),
        ("CallSid", "CA1234567890ABCDE"),
    ]
    assert signature(TOKEN, "https://mycompany.com/myapp.php?foo=1&bar=2", form) == signed


def test_a_signed_fate_is_read(callbacks):
    sid, said = callbacks.fate(FATE, signature(TOKEN, STATUS, FATE))
    assert (sid, said.state, said.permanent) == ("SM1", "failed", False)
    assert "30003: the phone is off or out of reach" in said.detail
    older = [("SmsSid", "SM2"), ("SmsStatus", "delivered")]
    assert callbacks.fate(older, signature(TOKEN, STATUS, older)) == (
        "SM2",
        Delivery("delivered", "Twilio says delivered"),
    )


@pytest.mark.parametrize("url", [STATUS, STATUS.replace(".org", ".org:443")])
def test_a_port_that_twilio_adds_does_no_harm(callbacks, url):
    assert callbacks.fate(FATE, signature(TOKEN, url, FATE))[0] == "SM1"


def test_a_query_is_part_of_what_is_signed(callbacks):
    signed = signature(TOKEN, f"{STATUS}?a=b", FATE)
    assert callbacks.fate(FATE, signed, "a=b")[0] == "SM1"
    with pytest.raises(Unsigned):
        callbacks.fate(FATE, signed, "a=c")


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "é",
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        signature(Secret("other"), STATUS, FATE),
        signature(TOKEN, REPLY, FATE),
        signature(TOKEN, STATUS, FATE[:-1]),
        signature(TOKEN, STATUS.replace("https", "http"), FATE),
    ],
)
def test_what_is_not_signed_just_so_is_refused(callbacks, signed):
    with pytest.raises(Unsigned, match=r"web\.external_url must be the address") as caught:
        callbacks.fate(FATE, signed)
    assert "12345" not in str(caught.value)


def test_without_a_token_nothing_is_believed():
    """An API key can send, but Twilio signs with the account's token."""
    channel = TwilioChannel("AC1", None, "+15550001111", api_key="SK1", api_secret=Secret("s"))
    for channels in ([], [channel], [TwilioChannel("AC1", Secret(""), "+1")]):
        with pytest.raises(Unsigned, match="no Twilio token is set"):
            TwilioCallbacks(channels, BASE).fate(FATE, signature(Secret(""), STATUS, FATE))


def test_a_fate_of_nothing_is_an_error(callbacks):
    with pytest.raises(InvalidInput, match="no MessageSid"):
        callbacks.fate([], signature(TOKEN, STATUS, []))


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=20), st.randoms())
def test_the_order_of_fields_does_not_matter_and_their_content_does(form, random):
    form = [(name.encode("utf-8", "ignore").decode(), value.encode("utf-8", "ignore").decode()) for name, value in form]
    shuffled = random.sample(form, len(form))
    assert signature(TOKEN, STATUS, form) == signature(TOKEN, STATUS, shuffled)
    assert signature(TOKEN, STATUS, [*form, ("New", "x")]) != signature(TOKEN, STATUS, form)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("482193", Command("482193")),
        (" 482193.\n", Command("482193")),
        ("ack 482193", Command("482193")),
        ("ACK:482193", Command("482193")),
        ("Acknowledge #482193", Command("482193")),
        ("482193 all", Command("482193", everything=True)),
        ("Ack 482193 ALL", Command("482193", everything=True)),
        ("ok I am on it, 482193, thanks", Command("482193")),
        ("got 482193 all of them", Command("482193", everything=True)),
        ("482193 or 123456?", Command()),
        ("help", Command()),
        ("ack", Command()),
        ("", Command()),
        ("12", Command()),
        ("what is 99999999999", Command()),
        ("STOP", Command(silent=True)),
        ("stop.", Command(silent=True)),
        ("Start", Command(silent=True)),
        ("x" * 100_000, Command()),
    ],
)
def test_a_reply_means_what_people_mean(text, command):
    assert read_command(text) == command


@given(st.text())
def test_any_reply_is_read(text):
    assert read_command(text).code.isdigit() or not read_command(text).code


def test_an_answer_is_one_text_and_no_markup():
    assert twiml("") == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    assert "<Message>a &lt;b&gt; &amp; c</Message>" in twiml("a <b> & c")
    assert segments(help_text()) == 1
    assert len(twiml("x" * 1_000)) < 300
