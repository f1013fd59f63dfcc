"""Why somebody was told or not, over HTTP: about an alert, and about a person.

`app` fulfils the Protocol `Explainer` with values of this door; the routes are in `routes`. It parses, calls, serialises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy
from agent.web.explaining.asking import Explainer, Question

if TYPE_CHECKING:
    from agent.web.explaining.plain import explanation_json, person_json
    from agent.web.explaining.values import (
        Account,
        Attempt,
        Brief,
        Candidate,
        Cause,
        Coming,
        Explanation,
        Line,
        Link,
        Matter,
        Message,
        Mood,
        PersonAccount,
        Unknown,
    )

__all__ = [
    "Account",
    "Attempt",
    "Brief",
    "Candidate",
    "Cause",
    "Coming",
    "Explainer",
    "Explanation",
    "Line",
    "Link",
    "Matter",
    "Message",
    "Mood",
    "PersonAccount",
    "Question",
    "Unknown",
    "explanation_json",
    "person_json",
]

__getattr__ = lazy(
    __name__,
    {
        "plain": ("explanation_json", "person_json"),
        "values": (
            "Account",
            "Attempt",
            "Brief",
            "Candidate",
            "Cause",
            "Coming",
            "Explanation",
            "Line",
            "Link",
            "Matter",
            "Message",
            "Mood",
            "PersonAccount",
            "Unknown",
        ),
    },
)
