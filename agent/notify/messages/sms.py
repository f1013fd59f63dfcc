"""Fitting a text message: what is dropped first, what never is, and how several problems share one text. Pure functions.

The order is link, instances, value, summary, since, and last the code that acknowledges; severity and name stay. A text is
one part unless told otherwise, for a phone at night shows little more, and carriers bill by the part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.notify.messages.content import Content
from agent.notify.messages.segments import Alphabet, alphabet_for, capacity, clip, units, write
from agent.notify.messages.wording import SHORT_SEVERITY, counted

DROPPED_IN_ORDER: Final = ("link", "instances", "value", "summary", "since", "ack")
ACT_BY_LINK: Final = ("instances", "value", "since", "summary", "ack", "link")
_SHORTEST_SUMMARY: Final = 24
_MORE: Final = re.compile(r" \(and \d+ more\)$")
_LONGEST_NAME: Final = 48
"""In a text about several problems."""


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
    ack_code: str = ""


def problem(content: Content) -> Problem:
    """Return a message's incident as it is told among others."""
    severities = (*SHORT_SEVERITY, content.severity)
    over = content.status == "resolved"
    return Problem(
        name=" ".join(part for part in ("TEST" if content.test else "", content.where, content.title) if part),
        severity=content.short_severity,
        rank=severities.index(content.severity),
        alerts=1 if over else content.firing_count,
        over=over,
        ack_code=content.ack_code,
    )


def fit(fields: Mapping[str, str], most: int = 1, *, keep_link: bool = False) -> str:
    """Join head, summary, value, since, instances, link and ack into at most `most` parts of a text message.

    A summary that does not fit is cut before it is dropped, as long as 24 characters of it remain. With `keep_link` the link
    goes last in place of first: it is all by which the reader can act.
    """
    alphabet = alphabet_for(f"{fields.get('head', '')} {fields.get('summary', '')}")
    limit = capacity(alphabet, most)
    parts = {name: write(text, alphabet) for name, text in fields.items()}
    parts["head"] = clip(parts.get("head") or "ALERT", limit, alphabet)
    for name in ("", *(ACT_BY_LINK if keep_link else DROPPED_IN_ORDER)):
        if name == "summary" and parts.get(name):
            room = units(parts[name], alphabet) - (units(_joined(parts), alphabet) - limit)
            if room >= _SHORTEST_SUMMARY:
                return _joined(parts | {name: _shortened(parts[name], room, alphabet)})
        parts[name] = ""
        if units(_joined(parts), alphabet) <= limit:
            return _joined(parts)
    return parts["head"]


def _shortened(summary: str, room: int, alphabet: Alphabet) -> str:
    """Cut a summary, and keep at its end how many more alerts there are."""
    more = found.group() if (found := _MORE.search(summary)) else ""
    return clip(summary.removesuffix(more), room - units(more, alphabet), alphabet) + more


def _joined(parts: Mapping[str, str]) -> str:
    told = [parts.get(name, "") for name in ("summary", "value", "since", "instances")]
    sentence = ", ".join(part for part in told if part)
    start = f"{parts['head']}: {sentence}" if sentence else parts["head"]
    start = f"{start}. {parts['ack']}" if parts.get("ack") else start
    return f"{start} {parts['link']}" if parts.get("link") else start


def bundle(problems: Sequence[Problem], most: int = 1) -> str:
    """Tell of several incidents in at most `most` parts: `CRIT 5 alerts: rag Slow (3), api Down, over: db Full +1 more. Ack…`.

    The worst come first, and what has no room is counted, never left unsaid. Equal names are told once with their number.
    The code is the worst one's, and acknowledges all of them.
    """
    codes = [each.ack_code for each in sorted(problems, key=lambda each: each.rank) if each.ack_code]
    ack = f"Ack: reply {codes[0]} all" if codes else ""
    firing = _counts([each for each in problems if not each.over])
    over = _counts([each for each in problems if each.over])
    worst = min((each for each in problems if not each.over), key=lambda each: each.rank, default=None)
    start = f"{worst.severity} {counted(sum(firing.values()), 'alert')}" if worst else f"OK {sum(over.values())} over"
    alphabet = alphabet_for(" ".join((*firing, *over)))
    start, ack = write(start, alphabet), write(ack, alphabet)
    items = [_item(*each, alphabet) for each in (*firing.items(), *over.items())]
    if firing and over:
        items[len(firing)] = f"over: {items[len(firing)]}"
    for shown in range(len(items), -1, -1):
        text = _told(start, items[:shown], len(items) - shown, ack)
        if units(text, alphabet) <= capacity(alphabet, most):
            return text
    return clip(start, capacity(alphabet, most), alphabet)


def _counts(problems: Sequence[Problem]) -> dict[str, int]:
    """Return how many alerts each name has, the worst names first, then those with most alerts."""
    ranked: dict[str, tuple[int, int]] = {}
    for each in problems:
        rank, alerts = ranked.get(each.name, (each.rank, 0))
        ranked[each.name] = min(rank, each.rank), alerts + each.alerts
    ordered = sorted(ranked.items(), key=lambda item: (item[1][0], -item[1][1]))
    return {name: alerts for name, (_, alerts) in ordered}


def _item(name: str, count: int, alphabet: Alphabet) -> str:
    written = clip(write(name, alphabet), _LONGEST_NAME, alphabet)
    return written if count == 1 else f"{written} ({count})"


def _told(start: str, items: list[str], more: int, ack: str) -> str:
    text = f"{start}: {', '.join(items)}" if items else start
    text += f" +{more} more" if items and more else ""
    return f"{text}. {ack}" if ack else text
