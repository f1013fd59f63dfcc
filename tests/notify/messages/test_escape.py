"""Strangers' text is made harmless for headers, lines, Slack and links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.messages.escape import (
    clip_mrkdwn,
    is_loopback,
    one_line,
    paragraph,
    slack_code,
    slack_escape,
    slack_link,
    web_link,
    without_foreign_mentions,
)


@given(st.text(), st.integers(min_value=2, max_value=50))
def test_one_line_is_one_printable_line_within_its_limit(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert not any(ord(each) < 32 for each in line)
    line.encode()


def test_half_a_character_is_left_out():
    """A lone surrogate cannot be sent anywhere."""
    assert one_line("\ud800a\udfff") == "a"


def test_a_paragraph_keeps_its_lines_and_loses_its_controls():
    assert paragraph(" a\x07b \r\n\n  c\u202e ") == "a b\n\nc"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("@channel @Here @everyone", "@\u200bchannel @\u200bHere @\u200beveryone"),
        ("@ana", "@ana"),
    ],
)
def test_slack_text_cannot_mention_or_mark_up(text, escaped):
    assert slack_escape(text) == escaped


def test_links_and_code_cannot_be_broken_out_of():
    assert slack_link("https://a.example/?x=1|2>", "a|b>") == "<https://a.example/?x=1%7C2&gt;|a/b&gt;>"
    assert slack_link("", "just <text>") == "just &lt;text&gt;"
    assert slack_code("a`b\nc") == "`a'b c`"


def test_mentions_of_the_template_stay_and_those_of_the_data_do_not():
    source = "<!here> {{ .CommonLabels.team }}"
    assert without_foreign_mentions("<!here> <!channel> <@U12>", source) == "<!here> &lt;!channel&gt; &lt;@U12&gt;"


@given(st.text(alphabet="ab<>&;|\n lt", max_size=200), st.integers(min_value=10, max_value=60))
def test_clipped_mrkdwn_fits(text, limit):
    assert len(clip_mrkdwn(text, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("abcdefgh <https://a.example|link> end", "abcdefgh\n…"),
        ("abcdefgh &lt;tag&gt; and more text", "abcdefgh &lt;tag\n…"),
    ],
)
def test_clipped_mrkdwn_has_no_half_link_and_no_half_escape(text, kept):
    assert clip_mrkdwn(text, 20) == kept


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/runbooks/a", "https://b.example/x/runbooks/a"),
        ("runbooks/a", "https://b.example/x/runbooks/a"),
        ("https://wiki.example/a b", "https://wiki.example/a%20b"),
        ('https://wiki.example/<"é">%20', "https://wiki.example/%3C%22%C3%A9%22%3E%20"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("", ""),
        ("https://", ""),
        ("http://[broken", ""),
    ],
)
def test_only_web_links_become_links_and_relative_ones_become_absolute(url, link):
    assert web_link(url, "https://b.example/x/") == link


def test_a_relative_link_without_a_base_is_no_link():
    assert web_link("/runbooks/a", "") == ""


@pytest.mark.parametrize("url", ["https://a.example/" + "x" * 2000, "https://a.example/" + "é" * 700])
def test_what_is_too_long_for_a_link_is_no_half_link(url):
    assert web_link(url, "https://b.example/") == ""


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://127.0.0.1:9477/a", True), ("http://localhost/", True), ("http://[::1]:1/", True), ("https://a.example", False),
     ("http://127.example.org", False), ("", False)],
)  # fmt: skip
def test_loopback_addresses_are_known(url, here):
    assert is_loopback(url) is here
