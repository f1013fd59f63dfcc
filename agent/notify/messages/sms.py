"""Fitting a text message: what is dropped first, what never is, and how several problems share one text. Pure functions.

The order is link, instances, value, summary, since, and last the code that acknowledges; severity and name stay. A text is
one part unless told otherwise, for a phone at night shows little more, and carriers bill by the part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.notify.messages.segments import Alphabet, alphabet_for, capacity, clip, units, write
from agent.notify.messages.wording import counted

DROPPED_IN_ORDER: Final = ("link", "instances", "value", "summary", "since", "ack")
_SHORTEST_SUMMARY: Final = 24


@dataclass(frozen=True, slots=True)
class Problem:
    """One incident among several in one text: what it is called, how bad it is, how many alerts it has."""

    name: str
    severity: str
    """CRIT, WARN, INFO, …"""
    rank: int
    """0 for the worst."""
    alerts: int = 1
    over: bool = False


def fit(fields: Mapping[str, str], most: int = 1) -> str:
    """Join head, summary, value, since, instances, link and ack into at most `most` parts of a text message.

    A summary that does not fit is cut before it is dropped, as long as 24 characters of it remain.
    """
    alphabet = alphabet_for(f"{fields.get('head', '')} {fields.get('summary', '')}")
    limit = capacity(alphabet, most)
    parts = {name: write(text, alphabet) for name, text in fields.items()}
    parts["head"] = clip(parts.get("head") or "ALERT", limit, alphabet)
    for name in ("", *DROPPED_IN_ORDER):
        if name == "summary" and parts.get(name):
            room = units(parts[name], alphabet) - (units(_joined(parts), alphabet) - limit)
            if room >= _SHORTEST_SUMMARY:
                return _joined(parts | {name: clip(parts[name], room, alphabet)})
        parts[name] = ""
        if units(_joined(parts), alphabet) <= limit:
            return _joined(parts)
    return parts["head"]


def _joined(parts: Mapping[str, str]) -> str:
    told = [parts.get(name, "") for name in ("summary", "value", "since", "instances")]
    sentence = ", ".join(part for part in told if part)
    start = f"{parts['head']}: {sentence}" if sentence else parts["head"]
    start = f"{start}. {parts['ack']}" if parts.get("ack") else start
    return f"{start} {parts['link']}" if parts.get("link") else start


def bundle(problems: Sequence[Problem], ack: str = "", most: int = 1) -> str:
    """Tell of several incidents in at most `most` parts: `CRIT 5 alerts: rag Slow (3), api Down +1, over: db Full. Ack…`.

    The worst come first, and what has no room is counted, never left unsaid. Equal names are told once with their number.
    """
    firing = _counts([each for each in problems if not each.over])
    over = _counts([each for each in problems if each.over])
    worst = min((each for each in problems if not each.over), key=lambda each: each.rank, default=None)
    start = f"{worst.severity} {counted(sum(firing.values()), 'alert')}" if worst else f"OK {sum(over.values())} over"
    alphabet = alphabet_for(" ".join((*firing, *over)))
    limit = capacity(alphabet, most)
    start, ack = write(start, alphabet), write(ack, alphabet)
    items = [write(_item(name, count), alphabet) for name, count in firing.items()]
    ended = [write(_item(name, count), alphabet) for name, count in over.items()]
    for shown in range(len(items) + len(ended), -1, -1):
        kept = items[:shown], ended[: max(0, shown - len(items))]
        text = _bundled(start, (items, ended), kept, ack)
        if units(text, alphabet) <= limit:
            return text
    return clip(start, limit, alphabet)


def _counts(problems: Sequence[Problem]) -> dict[str, int]:
    """Return how many alerts each name has, the worst names first, then those with most alerts."""
    ranked: dict[str, tuple[int, int]] = {}
    for each in problems:
        rank, alerts = ranked.get(each.name, (each.rank, 0))
        ranked[each.name] = min(rank, each.rank), alerts + each.alerts
    ordered = sorted(ranked.items(), key=lambda item: (item[1][0], -item[1][1]))
    return {name: alerts for name, (_, alerts) in ordered}


def _item(name: str, count: int) -> str:
    return name if count == 1 else f"{name} ({count})"


def _bundled(start: str, everything: tuple[list[str], list[str]], kept: tuple[list[str], list[str]], ack: str) -> str:
    (items, ended), (told, told_ended) = everything, kept
    left, left_ended = len(items) - len(told), len(ended) - len(told_ended)
    text = f"{start}: {', '.join(told)}" if told else start
    text += f" +{left} more" if left and told else ""
    if items and ended:
        text += f", over: {', '.join(told_ended)}" if told_ended else f", {left_ended} over"
        text += f" +{left_ended} more" if told_ended and left_ended else ""
    elif told_ended:
        text += f": {', '.join(told_ended)}" + (f" +{left_ended} more" if left_ended else "")
    return f"{text}. {ack}" if ack else text
