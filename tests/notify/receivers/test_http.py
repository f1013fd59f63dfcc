"""The border to HTTP providers: statuses, Retry-After, proxies, and secrets that stay secret."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.receivers.http import Answer, authorization, failure, host_of, proxy_for, retry_after_ms

DATE = "Mon, 05 Jan 2026 14:02:00 GMT"


@pytest.mark.parametrize(
    ("headers", "after_ms"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30_000),
        ({"retry-after": "1.5"}, 1_500),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "999999"}, 3_600_000),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "Mon, 05 Jan 2026 14:03:30 GMT", "date": DATE}, 90_000),
        ({"retry-after": "Mon, 05 Jan 2026 14:00:00 GMT", "date": DATE}, 0),
        ({"retry-after": "Mon, 05 Jan 2026 14:03:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers, after_ms):
    """RFC 9110 §10.2.3; a date counts from the answer's own Date, so that no clock is asked."""
    assert retry_after_ms(headers) == after_ms


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (400, Rejected, "clientError"),
        (401, Rejected, "authError"),
        (403, Rejected, "authError"),
        (404, Rejected, "clientError"),
        (408, RetryLater, "clientError"),
        (413, Rejected, "clientError"),
        (425, RetryLater, "clientError"),
        (429, RetryLater, "rateLimited"),
        (500, RetryLater, "serverError"),
        (503, RetryLater, "serverError"),
        (302, Rejected, "clientError"),
    ],
)
def test_a_status_says_whether_to_come_again(status, kind, reason):
    made = failure(status, "x", {})
    assert type(made) is kind
    assert made.reason == reason


def test_secrets_are_taken_out_of_answers():
    secret = Secret("pass/word+1")
    assert Answer(400, {}, b"no pass/word+1\n here").text([secret]) == "no <secret> here"


def test_only_the_host_of_a_url_is_shown():
    assert host_of("https://user:planted@a.example:8443/planted?key=planted") == "a.example:8443"
    assert host_of("http://[planted") == "an unreadable address"


def test_a_bearer_token_wins_over_a_user_name():
    assert authorization("a", Secret("b")) == {"Authorization": "Basic YTpi"}
    assert authorization("a", Secret("b"), Secret("t")) == {"Authorization": "Bearer t"}
    assert authorization("", None) == {}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://api.example/x", "http://proxy.example:3128"),
        ("https://inside.example/x", None),
        ("https://127.0.0.1:1/x", None),
        ("http://localhost/x", None),
    ],
)
def test_the_proxy_of_the_environment_is_used_but_never_for_loopback(monkeypatch, url, proxy):
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for(url) == proxy
