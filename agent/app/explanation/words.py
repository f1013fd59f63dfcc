"""How an explanation names things: alerts, targets, what holds an alert back. Pure."""

from __future__ import annotations

import re
from typing import Final

from agent import notify
from agent.app.views import shown_address
from agent.model import Labels

_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}\b")
_MOST_LABELS: Final = 4


def named(labels: Labels) -> str:
    """Return `NodeDown (instance db, job rag)`: an alert's name with its other labels, the first of them."""
    others = [f"{name} {value}" for name, value in labels.pairs if name not in ("alertname", "severity")]
    more = ", …" if len(others) > _MOST_LABELS else ""
    said = f" ({', '.join(others[:_MOST_LABELS])}{more})" if others else ""
    return f"{labels.get('alertname') or 'an alert without a name'}{said}"


def shown_key(key: str) -> str:
    """Return a target's key as it may be shown: `sms:+3360…01` for a phone, the host alone for a URL."""
    channel, separator, address = key.partition(":")
    if not separator or channel not in list(notify.Channel):
        return shown(key)
    return f"{channel}:{shown_address(notify.Target(notify.Channel(channel), address))}"


def whom(target: notify.Target) -> str:
    """Return `ana by sms`, `#alerts by slack`, `the log`."""
    if target.channel is notify.Channel.LOG:
        return "the log"
    return f"{target.person or shown_address(target)} by {target.channel}"


def by_key(key: str) -> str:
    """Return a target in words from its key: `#alerts by slack`."""
    channel, separator, address = shown_key(key).partition(":")
    if channel == "log":
        return "the log"
    return f"{address} by {channel}" if separator and channel in list(notify.Channel) else key


def shown(text: str) -> str:
    """Return a text of the journal with the middle of phone numbers left out."""
    return _PHONE.sub(lambda found: f"{found[0][:4]}…{found[0][-2:]}", text)


def label_names(text: str) -> Labels | None:
    """Read labels back that were written as `{a="b", c="d"}`; None where they are not that."""
    try:
        return Labels({each.name: each.value for each in notify.parse_matchers(text).matchers})
    except ValueError:
        return None


def listed(parts: list[str], most: int = 6) -> str:
    """Return `a, b and c`, the first of very many."""
    if len(parts) > most:
        return f"{', '.join(parts[:most])} and {len(parts) - most} more"
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
