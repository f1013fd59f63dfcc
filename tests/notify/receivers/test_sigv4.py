"""Amazon's signature, against the examples that AWS has published."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.model import Secret
from agent.notify.receivers.sigv4 import AwsKeys, Scope, canonical_request, signed_headers, signing_key

KEYS = AwsKeys("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
AT_S = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
FORM = "application/x-www-form-urlencoded"
HOST = "https://example.amazonaws.com"


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "service", "signature"),
    [
        # aws-sig-v4-test-suite: get-vanilla, get-vanilla-query-order-key-case, post-vanilla, post-x-www-form-urlencoded
        ("GET", f"{HOST}/", {}, b"", "service", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            f"{HOST}/?Param2=value2&Param1=value1",
            {},
            b"",
            "service",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", f"{HOST}/", {}, b"", "service", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST",
            f"{HOST}/",
            {"Content-Type": FORM},
            b"Param1=value1",
            "service",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        # AWS General Reference, the walk through a request to IAM
        (
            "GET",
            "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
            {"Content-Type": f"{FORM}; charset=utf-8"},
            b"",
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ],
)
def test_published_requests_get_their_published_signature(method, url, headers, body, service, signature):
    signed = signed_headers(method, url, headers, body, KEYS, Scope("us-east-1", service), AT_S)
    assert signed["Authorization"].endswith(f"Signature={signature}")
    assert f"Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request" in signed["Authorization"]


@pytest.mark.parametrize(
    ("day", "key"),
    [
        ("20120215", "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"),
        ("20150830", "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"),
    ],
)
def test_published_keys_are_derived(day, key):
    assert signing_key(KEYS.secret_key, day, Scope("us-east-1", "iam")).hex() == key


def test_a_session_token_is_sent_and_signed():
    keys = AwsKeys("AKIDEXAMPLE", KEYS.secret_key, Secret("token"))
    signed = signed_headers("GET", f"{HOST}/", {}, b"", keys, Scope("us-east-1", "service"), AT_S)
    assert signed["X-Amz-Security-Token"] == "token"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in signed["Authorization"]


def test_what_is_signed_is_escaped_and_folded():
    names, request = canonical_request("GET", f"{HOST}/a b?q=x y&a=*", {"Host": "h", "X-A": "  1   2 "}, b"")
    assert names == "host;x-a"
    assert request.split("\n")[:5] == ["GET", "/a%20b", "a=%2A&q=x%20y", "host:h", "x-a:1 2"]


def test_the_secret_key_is_not_shown():
    assert "wJalr" not in repr(KEYS)
