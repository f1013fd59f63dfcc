"""A strict YAML reader: text in, frozen dataclasses out, every error with file:line:column and a suggestion.

It knows no room. A dataclass describes its file by its fields: `key("for")` where the name is a Python keyword,
`Duration` and `Size` for values with units, `Text` where later errors point inside a value, a field `place: Place` to
remember where it stood, `__title__` for the words in messages, and `WrongValue(key, message)` from `__post_init__`.
"""

from __future__ import annotations

from agent.schema.expansion import expand
from agent.schema.fields import Convert, Duration, Size, key, parse_size
from agent.schema.places import Place, Text, WrongValue
from agent.schema.reader import read, suggest

__all__ = [
    "Convert",
    "Duration",
    "Place",
    "Size",
    "Text",
    "WrongValue",
    "expand",
    "key",
    "parse_size",
    "read",
    "suggest",
]
