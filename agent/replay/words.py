"""A report and a comparison in sentences, as one would tell a colleague. Times are local."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from agent.model import Labels, format_duration
from agent.replay.account import Report, Telling, telling_of
from agent.replay.comparing import Comparison, Pair

NIGHT: Final = (22, 7)
"""From which hour to which people sleep."""
_NOBODY: Final = " Nobody would have been told."
_OUTAGES_TOLD: Final = 8
_SHORT_MS: Final = 7_200_000


def duration(length_ms: int) -> str:
    """Return a length as `4m 30s`, with its two largest units."""
    if length_ms < 1000:
        return f"{length_ms} ms" if length_ms else "0s"
    parts = []
    for unit_ms, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if length_ms >= unit_ms:
            parts.append(f"{length_ms // unit_ms}{unit}")
            length_ms %= unit_ms
    return " ".join(parts[:2])


def moment(at_ms: int, zone: tzinfo | None = None, *, exact: bool = False) -> str:
    """Return an instant as `Tue 5 May 14:02`, or `exact` to the second."""
    found = datetime.fromtimestamp(at_ms / 1000, zone)
    return f"{found:%a} {found.day} {found:%b} {found:{'%H:%M:%S' if exact else '%H:%M'}}"


def is_short(report: Report) -> bool:
    """Say whether seconds matter: the stretch is a matter of an hour or two."""
    return report.until_ms - report.from_ms <= _SHORT_MS


def at_night(report: Report, zone: tzinfo | None = None) -> int:
    """Return how many occasions of telling were at night, where people are reached by a phone or an unknown way."""
    return sum(_is_night(each, zone) for each in {telling_of(told) for told in report.firing_told})


def _is_night(telling: Telling, zone: tzinfo | None) -> bool:
    hour = datetime.fromtimestamp(telling.at_ms / 1000, zone).hour
    return hour >= NIGHT[0] or hour < NIGHT[1]


def times(count: int, noun: str = "time") -> str:
    """Return `once`, `twice`, `3 times`, or with a noun `1 page`, `2 pages`."""
    if noun == "time":
        return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def headline(report: Report, zone: tzinfo | None = None) -> str:
    """Return what happened in all, in one or two sentences."""
    fired = [account for account in report.rules if account.fired]
    span = f"In {duration(report.until_ms - report.from_ms)}"
    if not fired:
        return f"{span} no alert would have fired."
    spells = sum(len(account.fired) for account in fired)
    said = f"{span} {times(len(fired), 'alert')} would have fired {times(spells)}."
    if report.told is not None:
        night = at_night(report, zone)
        at = f", {night} of them at night" if night else ""
        said += f" Somebody would have been told {times(report.tellings)}{at}." if report.tellings else _NOBODY
    return said


def failures(report: Report, comparison: Comparison | None = None, zone: tzinfo | None = None) -> Iterator[str]:
    """Give which rules failed, how often, and what they said last; of two sides, what is the changed one's own, too."""
    for name, each in report.failing:
        yield f"{name} failed {times(each.times)}, at last {moment(each.last_ms, zone)}: {each.message}"
    for name, each in () if comparison is None else comparison.after.failing:
        if (name, each) not in report.failing:
            said = f"failed {times(each.times)}, at last {moment(each.last_ms, zone)}: {each.message}"
            yield f"Changed, {name} {said}"


def differences(comparison: Comparison, zone: tzinfo | None = None) -> Iterator[str]:
    """Give what a change would have changed: first how often people are told, then outage by outage."""
    before, after = comparison.before, comparison.after
    if not comparison.differing:
        yield "The change would have changed nothing."
        return
    if before.told is not None and after.told is not None:
        yield from _told(comparison, zone)
    else:
        counts = [sum(len(account.fired) for account in report.rules) for report in (before, after)]
        yield f"Alerts would have fired {_instead(counts[0], counts[1])}."
    lengths = [sum(account.firing_ms for account in report.rules) for report in (before, after)]
    if lengths[0] != lengths[1]:
        more = "longer" if lengths[1] > lengths[0] else "shorter"
        yield f"Together they would have fired for {duration(abs(lengths[1] - lengths[0]))} {more}."
    changed = [pair for change in comparison.differing for pair in change.pairs if _says_something(pair)]
    weightiest = sorted(changed, key=lambda pair: -_weight(pair, comparison))[:_OUTAGES_TOLD]
    for pair in sorted(weightiest, key=lambda each: each.at_ms):
        when = moment(pair.at_ms, zone, exact=is_short(before))
        yield f"{_named(pair)} of {when} {_fate(pair, comparison)}."
    if len(changed) > _OUTAGES_TOLD:
        yield f"These are the {_OUTAGES_TOLD} that change most; {len(changed) - _OUTAGES_TOLD:,} more change less."


def _instead(before: int, after: int) -> str:
    return f"{times(after)}, as before" if before == after else f"{times(after)} instead of {times(before)}"


def _tellings(before: int, after: int) -> str:
    if not before and not after:
        return "Nobody would have been told, as before."
    return f"Somebody would have been told {_instead(before, after)}."


def _told(comparison: Comparison, zone: tzinfo | None) -> Iterator[str]:
    before, after = comparison.before, comparison.after
    yield _tellings(before.tellings, after.tellings)
    nights = at_night(before, zone), at_night(after, zone)
    if nights[0] != nights[1]:
        yield f"At night {times(nights[1])} instead of {times(nights[0])}."


def _says_something(pair: Pair) -> bool:
    if pair.before is None or pair.after is None:
        return True
    return bool(pair.later_ms) or pair.before.ended_ms != pair.after.ended_ms


def _weight(pair: Pair, comparison: Comparison) -> int:
    """Return by how much an outage changes: in the time that it fires, and in when somebody hears of it."""
    from_ms, until_ms = comparison.before.from_ms, comparison.after.until_ms
    lengths = [0 if spell is None else spell.firing_ms(from_ms, until_ms) for spell in (pair.before, pair.after)]
    return abs(lengths[1] - lengths[0]) + abs(pair.later_ms)


def _named(pair: Pair) -> str:
    spell = pair.after or pair.before
    assert spell is not None
    shown = telling_labels(spell.labels)
    return f"{pair.name}{f' ({shown})' if shown else ''}"


def telling_labels(labels: Labels) -> str:
    """Return the labels that tell an alert from others of its rule, without the quotes: `job=rag instance=a:1`."""
    return " ".join(f"{name}={value}" for name, value in labels.pairs if name not in ("alertname", "severity"))


def _fate(pair: Pair, comparison: Comparison) -> str:
    until_ms = comparison.after.until_ms
    if pair.after is None:
        assert pair.before is not None
        length = duration(pair.before.firing_ms(comparison.before.from_ms, until_ms))
        return f"would not have fired ({length} before)"
    if pair.before is None:
        length = duration(pair.after.firing_ms(comparison.after.from_ms, until_ms))
        return f"would have fired, for {length}, and did not before"
    said = []
    if pair.later_ms:
        said.append(f"would have fired {duration(abs(pair.later_ms))} {'later' if pair.later_ms > 0 else 'earlier'}")
    ends = [spell.ended_ms or until_ms for spell in (pair.before, pair.after)]
    if ends[0] != ends[1]:
        ended = f"{duration(abs(ends[1] - ends[0]))} {'later' if ends[1] > ends[0] else 'earlier'}"
        said.append(f"ended {ended}" if said else f"would have ended {ended}")
    return " and ".join(said)


def rule_timing(for_ms: int, keep_ms: int) -> str:
    """Return `for: 5m, keep_firing_for: 3m`, as far as there is any."""
    said = [f"for: {format_duration(for_ms)}"] if for_ms else []
    said += [f"keep_firing_for: {format_duration(keep_ms)}"] if keep_ms else []
    return ", ".join(said)
