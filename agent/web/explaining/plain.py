"""Explanations as plain JSON: instants are RFC 3339, or null where they are not known."""

from __future__ import annotations

from typing import Any

from agent.model import format_rfc3339
from agent.web.explaining.values import (
    Account,
    Brief,
    Cause,
    Coming,
    Explanation,
    Line,
    Link,
    Matter,
    Message,
    PersonAccount,
    Unknown,
)


def explanation_json(found: Explanation) -> dict[str, Any]:
    """Return the answer about an alert."""
    return {
        "at": _instant(found.at_ms),
        "past": found.past,
        "account": _account(found.account) if found.account else None,
        "several": [_brief(each) for each in found.several],
        "unknown": _unknown(found.unknown) if found.unknown else None,
        "notes": list(found.notes),
    }


def person_json(found: PersonAccount) -> dict[str, Any]:
    """Return the answer about a person."""
    return {
        "person": found.name,
        "at": _instant(found.at_ms),
        "since": _instant(found.since_ms),
        "standing": list(found.standing),
        "told": [_matter(each) for each in found.told],
        "others": [_matter(each) for each in found.others],
        "suggestions": list(found.suggestions),
        "notes": list(found.notes),
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "fingerprint": account.fingerprint,
        "sentAs": account.sent_as,
        "labels": dict(account.labels.pairs),
        "sentLabels": dict(account.sent_labels.pairs),
        "state": account.state,
        "since": _instant(account.since_ms),
        "headline": _cause(account.headline),
        "causes": [_cause(each) for each in account.causes],
        "chain": [_link(each) for each in account.chain],
        "messages": [_message(each) for each in account.messages],
        "next": [_coming(each) for each in account.coming],
        "message": account.message,
    }


def _brief(brief: Brief) -> dict[str, Any]:
    return {
        "fingerprint": brief.fingerprint,
        "labels": dict(brief.labels.pairs),
        "state": brief.state,
        "since": _instant(brief.since_ms),
        "headline": _cause(brief.headline),
    }


def _unknown(unknown: Unknown) -> dict[str, Any]:
    return {
        "text": unknown.text,
        "suggestions": list(unknown.suggestions),
        "rules": [
            {"name": each.name, "group": each.group, "file": each.file, "query": each.expression, "text": each.text}
            for each in unknown.rules
        ],
    }


def _matter(matter: Matter) -> dict[str, Any]:
    return {
        "fingerprint": matter.fingerprint,
        "labels": dict(matter.labels.pairs),
        "at": _instant(matter.at_ms),
        "headline": _cause(matter.headline),
        "messages": [_message(each) for each in matter.messages],
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {"code": cause.code, "text": cause.text, "mood": cause.mood.value, "until": _instant(cause.until_ms)}


def _link(link: Link) -> dict[str, Any]:
    return {
        "name": link.name,
        "text": link.text,
        "mood": link.mood.value,
        "until": _instant(link.until_ms),
        "lines": [_line(each) for each in link.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "at": _instant(line.at_ms),
        "text": line.text,
        "mood": line.mood.value,
        "until": _instant(line.until_ms),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "incident": message.incident,
        "at": _instant(message.at_ms),
        "receiver": message.receiver,
        "channel": message.channel,
        "target": message.target,
        "person": message.person,
        "state": message.state,
        "reason": message.reason,
        "step": message.step,
        "holds": message.holds,
        "nextAt": _instant(message.next_at_ms),
        "providerId": message.provider_id,
        "detail": message.detail,
        "insteadOf": message.instead_of,
        "attempts": [{"at": _instant(each.at_ms), "what": each.what, "said": each.said} for each in message.attempts],
    }


def _coming(coming: Coming) -> dict[str, Any]:
    return {"at": _instant(coming.at_ms), "what": coming.what, "unless": coming.unless}


def _instant(at_ms: int) -> str | None:
    return format_rfc3339(at_ms) if at_ms else None
