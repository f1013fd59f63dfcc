"""Fitting a text message into one segment: what is dropped first, and what never is. Pure functions.

The order is link, instances, value, summary, then since; severity and name stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.notify.messages.gsm7 import SINGLE_SEGMENT, clip, septets, to_gsm7

_DROPPED_IN_ORDER: Final = ("link", "instances", "value", "summary", "since")
_SHORTEST_SUMMARY: Final = 24


def fit(fields: Mapping[str, str], limit: int = SINGLE_SEGMENT) -> str:
    """Join head, summary, value, since, instances and link into at most `limit` septets of the GSM alphabet.

    A summary that does not fit is cut before it is dropped, as long as 24 characters of it remain.
    """
    parts = {name: to_gsm7(text) for name, text in fields.items()}
    parts["head"] = clip(parts.get("head") or "ALERT", limit)
    for name in ("", *_DROPPED_IN_ORDER):
        if name == "summary" and parts.get(name):
            over = septets(_joined(parts)) - limit
            room = septets(parts[name]) - over
            if room >= _SHORTEST_SUMMARY:
                parts[name] = clip(parts[name], room)
                return _joined(parts)
        if name:
            parts[name] = ""
        if septets(_joined(parts)) <= limit:
            return _joined(parts)
    return parts["head"]


def _joined(parts: Mapping[str, str]) -> str:
    told = [parts.get(name, "") for name in ("summary", "value", "since", "instances")]
    sentence = ", ".join(part for part in told if part)
    start = f"{parts['head']}: {sentence}" if sentence else parts["head"]
    return f"{start} {parts['link']}" if parts.get("link") else start
