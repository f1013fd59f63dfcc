"""A mail that somebody opens at three in the morning on a phone: what is on top, what can be pressed, and that it is readable."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from agent.notify.channels import EmailChannel
from agent.notify.messages import Renderer
from agent.notify.messages.samples import sample_notifications
from agent.notify.notification import Channel
from agent.notify.receivers.mail import change_since, compose, envelope, state
from tests.notify.messages.stories import NASTY, alert, notification

CHANNEL = EmailChannel(sender="Burnline <burnline@example.org>")
LINKS = {"ack_url": "https://on.example.org/a/ack", "silence_url": "https://on.example.org/a/silence"}


class Page(HTMLParser):
    """What a reader sees of a page: its words in order, and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._quiet = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._quiet += tag in ("style", "title")
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag):
        self._quiet -= tag in ("style", "title")

    def handle_data(self, data):
        if data.strip() and not self._quiet:
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " | ".join(self.words)


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


def told(*alerts, **more):
    more = {"external_url": "https://on.example.org", **more}
    return notification(*alerts, to="ana@example.org", channel=Channel.EMAIL, **more)


def after(renderer, first):
    """Return what the mail about `first` leaves for the next one."""
    return state(first, compose(first, renderer.email(first), envelope("ana@example.org", CHANNEL), CHANNEL))


def test_the_links_to_act_are_buttons_and_the_command_gives_way_to_them(renderer):
    with_links, without = (Page(renderer.email(told(alert(), **links)).html) for links in (LINKS, {}))
    assert with_links.links[0] == LINKS["ack_url"]
    assert with_links.links[-1] == LINKS["silence_url"]
    assert "I have it" in with_links.words
    assert "burnline ack" not in with_links.text
    assert f"burnline ack {alert().fingerprint}" in without.text
    assert "I have it" not in without.words


@pytest.mark.parametrize("more", [{}, {"acknowledged_by": "bob"}], ids=["resolved", "acknowledged"])
def test_nothing_is_offered_to_acknowledge_where_nothing_is_left_to_do(renderer, more):
    words = renderer.email(told(alert(end=None if more else -1), **LINKS, **more))
    assert LINKS["ack_url"] not in words.html + words.text


def test_the_text_part_says_the_same(renderer):
    text = renderer.email(told(alert(), **LINKS)).text
    for said in (
        "CRITICAL: VeryHighErrorRate on rag",
        "13.4% (limit 10%)",
        "13:58 UTC",
        LINKS["ack_url"],
        LINKS["silence_url"],
    ):
        assert said in text


def test_a_later_mail_begins_with_what_changed(renderer):
    first = told(alert())
    grown = told(alert(), alert("b:8000"), previous=after(renderer, first), seq=1, minute=3)
    assert change_since(first) == ""
    words = renderer.email(grown, change_since(grown))
    page = Page(words.html)
    changed = next(
        n for n, each in enumerate(page.words) if each.startswith("1 new alert: VeryHighErrorRate on b:8000")
    )
    assert changed < page.words.index("now")
    assert "1 new alert: VeryHighErrorRate on b:8000" in words.text


def test_after_a_version_that_kept_no_state_of_the_alerts_nothing_is_called_new(renderer):
    old = {"root": "<a@b>", "message_id": "<a@b>", "subject": "[CRITICAL] X"}
    assert change_since(told(alert(), previous=old, seq=1)) == ""


def test_a_long_text_comes_after_the_buttons_and_a_short_one_before(renderer):
    for text, first in (("Short words. " * 5, True), ("Long words. " * 60, False)):
        page = Page(renderer.email(told(alert(a_description=text), **LINKS)).html)
        place = next(n for n, each in enumerate(page.words) if each.startswith(text[:10]))
        assert (place < page.words.index("I have it")) is first


@pytest.mark.parametrize("kind", ["shapes", *NASTY])
def test_a_mail_is_small_enough_for_gmail_loads_nothing_and_runs_nothing(renderer, kind):
    """Gmail cuts a mail off at 102 kB, and with it the buttons."""
    text = NASTY.get(kind, "")
    nasty = [alert(text, alertname=text, service=text, a_summary=text, a_description=text, a_value=text, x=text)] * 40
    cases = [told(*nasty, receiver=text)] if text else [told(*each.alerts) for each in sample_notifications()]
    for each in cases:
        mail = compose(each, renderer.email(each, "a change"), envelope("ana@example.org", CHANNEL), CHANNEL)
        assert len(bytes(mail)) <= 100_000
        html = mail.get_body(("html",)).get_content()
        assert not {"script", "img", "link", "iframe", "form", "object"} & set(Page(html).tags)
        assert "url(" not in html
        assert "@import" not in html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:alert(1)", " javascript:x", "vbscript:x"]
)
def test_no_annotation_becomes_a_link_that_runs_something(renderer, url):
    words = renderer.email(told(alert(a_runbook_url=url, a_dashboard_url=url)))
    assert all(each.startswith("https://on.example.org") for each in Page(words.html).links)


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.1)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "told_of",
    [
        told(alert()),
        told(alert(severity="warning")),
        told(alert(severity="info")),
        told(alert(end=-1)),
        told(alert(), acknowledged_by="b"),
    ],
    ids=["critical", "warning", "info", "resolved", "acknowledged"],
)
def test_white_words_can_be_read_on_every_bar(renderer, told_of):
    """At least 4.5 to 1, as WCAG asks of text of that size."""
    html = renderer.email(told_of).html
    bar = re.search(r'<tr><td style="background:(#[0-9a-f]{6})', html)
    assert contrast("#ffffff", bar[1]) >= 4.5


def test_every_colour_of_the_night_can_be_read_on_the_dark_card(renderer):
    html = renderer.email(told(alert())).html
    night = dict(re.findall(r"^\.(ink|soft|hot|warm|cool)\{color:(#[0-9a-f]{6})!important\}$", html, re.MULTILINE))
    ground = dict(re.findall(r"^\.(card|box)\{background:(#[0-9a-f]{6})!important\}$", html, re.MULTILINE))
    assert set(night) == {"ink", "soft", "hot", "warm", "cool"}
    assert set(ground) == {"card", "box"}
    assert min(contrast(words, under) for words in night.values() for under in ground.values()) >= 4.5


def test_the_short_mail_keeps_the_subject_and_says_why_it_is_short(renderer):
    whole, short = (
        make(told(alert(), **LINKS)) for make in (renderer.email, lambda each: renderer.short_email(each, "Too big."))
    )
    assert short.subject == whole.subject
    assert short.html == ""
    assert "CRITICAL: VeryHighErrorRate" in short.text
    assert LINKS["ack_url"] in short.text
    assert short.text.endswith("Too big.\n")
