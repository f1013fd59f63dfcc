"""Limits: how they are written, and that no window of time ever holds more than they allow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SchemaError
from agent.notify import Channel, load_routing
from agent.notify.limits import Bucket, Limit, Limiter, parse_limit

ESCALATION = """
channels:
  slack: {bot_token: xoxb-test}
  sms: {provider: twilio, account_sid: AC1, auth_token: t, from: "+15550001111"}
"""

ROUTES = "route: {receiver: team}\nreceivers: [{name: team}]\n"


def routing(folder: Path, escalation: str, *, strict: bool = False):
    (folder / "a.yml").write_text(ROUTES)
    (folder / "e.yml").write_text(escalation)
    return load_routing(folder / "a.yml", folder / "e.yml", {}, strict=strict)


@pytest.mark.parametrize(
    ("text", "count", "window_ms"), [("5/15m", 5, 900_000), ("1 / 1s", 1, 1_000), ("20/3h", 20, 10_800_000)]
)
def test_a_limit_says_how_many_in_how_long(text, count, window_ms):
    assert parse_limit(text) == Limit(count, window_ms)
    assert parse_limit(str(parse_limit(text))) == parse_limit(text)


@pytest.mark.parametrize("text", ["5", "0/1m", "5/0s", "-1/1m", "5/1w", "x/1m", "5/x", "²/1m"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(ValueError, match=r"limit|duration"):
        parse_limit(text)


def test_what_is_not_written_keeps_its_default_and_an_empty_list_lifts_it(tmp_path):
    made = routing(tmp_path, ESCALATION.replace("auth_token: t,", "auth_token: t, limits: {per_provider: [100/1m]},"))
    sms = made.limits[Channel.SMS]
    assert [str(each) for each in sms.per_target] == ["1/1m", "5/15m", "12/1h", "20/3h"]
    assert [str(each) for each in sms.per_provider] == ["100/1m"]
    made = routing(tmp_path, ESCALATION.replace("auth_token: t,", "auth_token: t, limits: {per_target: []},"))
    assert made.limits[Channel.SMS].per_target == ()


def test_strict_mode_has_no_limits(tmp_path):
    assert routing(tmp_path, ESCALATION, strict=True).limits == {}


def test_a_limit_that_cannot_be_read_is_an_error_with_its_place(tmp_path):
    wrong = ESCALATION.replace("auth_token: t,", "auth_token: t, limits: {per_target: [often]},")
    with pytest.raises(SchemaError, match=r"e.yml:\d+:\d+: .*often.*like 5/15m"):
        routing(tmp_path, wrong)


LIMITS = st.lists(st.builds(Limit, st.integers(1, 4), st.integers(1, 30)), min_size=1, max_size=3)


@given(LIMITS, st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=60))
def test_no_window_holds_more_than_a_limit_and_what_is_held_is_held_no_longer_than_needed(limits, wishes):
    bucket = [Bucket("b", tuple(limits))]
    limiter, now, left = Limiter(), 0, []

    def full(at: int, *, critical: bool) -> bool:
        """Count anew, by every window that ends at `at`."""
        counted = [when for when, was in left if was or not critical]
        return any(sum(at - each.window_ms < when <= at for when in counted) >= each.count for each in limits)

    for wait, critical in wishes:
        now += wait
        held = limiter.held(bucket, now, critical=critical)
        assert (held is not None) == full(now, critical=critical)
        assert (limiter.room(bucket, now, critical=critical) == 0) == (held is not None)
        if held:
            assert full(held.until_ms - 1, critical=critical)
            assert not full(held.until_ms, critical=critical)
        else:
            limiter.take(bucket, now, critical=critical)
            left.append((now, critical))


def test_critical_messages_wait_for_critical_ones_only_but_count_for_all():
    bucket, limiter = [Bucket("sms:+1", (Limit(1, 60_000),))], Limiter()
    limiter.take(bucket, 0, critical=False)
    assert limiter.held(bucket, 1_000, critical=True) is None
    limiter.take(bucket, 1_000, critical=True)
    assert limiter.held(bucket, 2_000, critical=True) == (61_000, "sms:+1 gets at most 1/1m critical messages", "limit")
    assert limiter.held(bucket, 60_500, critical=False) == (61_000, "sms:+1 gets at most 1/1m messages", "limit")


def test_what_reached_nobody_is_given_back():
    bucket, limiter = [Bucket("b", (Limit(1, 60_000),))], Limiter()
    limiter.take(bucket, 5, critical=True)
    limiter.give_back(bucket, 5, critical=True)
    assert limiter.held(bucket, 6, critical=True) is None
    assert limiter.held(bucket, 6, critical=False) is None


def test_a_pause_holds_everything_back_until_it_is_over():
    bucket, limiter = [Bucket("slack", ())], Limiter()
    limiter.pause("slack", 30_000, "Slack said Retry-After 30 s")
    limiter.pause("slack", 10_000, "an earlier one")
    assert limiter.held(bucket, 29_999, critical=True) == (30_000, "Slack said Retry-After 30 s", "pause")
    assert limiter.held(bucket, 30_000, critical=True) is None


def test_a_clock_that_is_set_back_holds_nothing_back_for_longer():
    bucket, limiter = [Bucket("b", (Limit(1, 60_000),))], Limiter()
    limiter.take(bucket, 10_000_000, critical=False)
    limiter.set_back(9_000_000)
    assert limiter.held(bucket, 1_000_001, critical=False) == (1_060_000, "b gets at most 1/1m messages", "limit")
