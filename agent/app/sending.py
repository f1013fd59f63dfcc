"""From an alert's labels in the rules to those it is sent with, and back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from agent.model import Labels

SENDING: Final = "agent.sending"
"""The journal's record of the external labels that are in force."""
_MOST_AMBIGUOUS: Final = 6


def before_sending(external: Mapping[str, str], labels: Labels) -> Iterator[Labels]:
    """Give the labels that an alert may have in the rules where these are what it is sent with, the likeliest first.

    A label with an external label's value may be its own; with many such labels not every case is given.
    """
    same = [name for name, value in labels.pairs if external.get(name) == value]
    ambiguous = same[:_MOST_AMBIGUOUS]
    for kept in range(len(ambiguous) + 1):
        for own in itertools.combinations(ambiguous, kept):
            yield labels.without(*(name for name in same if name not in own))
