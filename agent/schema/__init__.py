"""A strict YAML reader: text in, frozen dataclasses out, every error with file:line:column and a suggestion.

It knows no room; `documents` reads files of several documents, leniently where wanted. A dataclass describes its file by its
fields: `key("for")` where the name is a Python keyword, `Duration` and `Size` for values with units, `Text` where later
errors point inside a value, a field `place: Place` to remember where it stood, `__title__` for the words in messages,
`__named_by__` for the keys whose value names an instance (messages then begin with `group "x", rule "y": `),
`WrongValue(key, message)` from `__post_init__`, and `WrongText(place, message)` from converters.
"""

from __future__ import annotations

from agent.schema.documents import Document, documents
from agent.schema.expansion import expand
from agent.schema.fields import Convert, Duration, Size, key, parse_size
from agent.schema.places import Place, Remark, Text, WrongText, WrongValue
from agent.schema.reader import read, read_within, suggest

__all__ = [
    "Convert",
    "Document",
    "Duration",
    "Place",
    "Remark",
    "Size",
    "Text",
    "WrongText",
    "WrongValue",
    "documents",
    "expand",
    "key",
    "parse_size",
    "read",
    "read_within",
    "suggest",
]
