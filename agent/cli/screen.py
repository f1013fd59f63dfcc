"""The terminal as the verbs write to it: colours and tables are ours, control characters are nobody's.

Labels, annotations and providers' answers come from elsewhere. An escape sequence in one of them could move the cursor, hide
a line or set the window's title, so such characters are left out; they have no width, so that tables stay straight.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_UNSAFE: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Screen(Console):
    """A rich console that leaves out control characters and changes of direction in its texts, instead of obeying them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of a renderable, without control characters but those that rich itself sends."""
        for segment in super().render(renderable, options):
            if segment.control or not _UNSAFE.search(segment.text):
                yield segment
            else:
                yield Segment(_UNSAFE.sub("", segment.text), segment.style)
