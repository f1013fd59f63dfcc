"""Random routing trees, deeper and stranger than those of the stories, and random labels to send through them."""

from __future__ import annotations

import random
from typing import Any, Final

import yaml

NAMES: Final = ("alertname", "team", "severity", "zone", "_x", "job1")
VALUES: Final = ("a", "b", "ab", "", 'q"q', "back\\slash", "two\nlines", "ä🔥", "a.b", "{a}", "a,b", " a ", "1")
RECEIVERS: Final = ("r0", "r1", "r.2", "r-3")


def labels(chance: random.Random) -> dict[str, str]:
    """Return the labels of one alert; each name but alertname may be missing."""
    made = {name: chance.choice(VALUES) for name in NAMES if chance.random() < 0.6}
    return {**made, "alertname": chance.choice(VALUES) or "none", "number": str(chance.randint(0, 3))}


def tree(chance: random.Random) -> str:
    """Return a configuration whose groups wait so long that nothing is sent."""
    root = {"receiver": "r0", "group_wait": "1h", **_grouping(chance, root=True)}
    root["routes"] = [_route(chance, 1) for _ in range(chance.randint(2, 5))]
    return yaml.safe_dump({"route": root, "receivers": [{"name": name} for name in RECEIVERS]}, sort_keys=False)


def _route(chance: random.Random, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"continue": chance.random() < 0.5}
    if chance.random() < 0.7:
        made["receiver"] = chance.choice(RECEIVERS)
    if chance.random() < 0.5:
        made |= _grouping(chance)
    for _ in range(chance.choice((0, 1, 1, 2))):
        kind = chance.random()
        name = chance.choice(NAMES)
        if kind < 0.2:
            made.setdefault("match", {})[name] = chance.choice(VALUES)
        elif kind < 0.4:
            made.setdefault("match_re", {})[name] = _pattern(chance)
        else:
            made.setdefault("matchers", []).append(_matcher(chance, name))
    if depth < 4 and chance.random() < 0.5:
        made["routes"] = [_route(chance, depth + 1) for _ in range(chance.randint(1, 3))]
    return made


def _grouping(chance: random.Random, *, root: bool = False) -> dict[str, Any]:
    """Choose a grouping. Below the root an empty one inherits in 0.25 and resets since, so that it is left out here."""
    empty: list[list[str]] = [[]] if root else []
    return {"group_by": chance.choice((["..."], ["team"], ["alertname", "zone"], ["job1", "_x", "nowhere"], *empty))}


def _pattern(chance: random.Random) -> str:
    return chance.choice(("a|b", "a.*", ".+", ".*", "", "[^a]+", "(?i)A", "a\\.b", "ä.*", "(a|b)(b)?", "a$", "^a"))


def _matcher(chance: random.Random, name: str) -> str:
    """Write a matcher in one of the forms that the classic grammar takes."""
    operator = chance.choice(("=", "!=", "=~", "!~"))
    value = _pattern(chance) if "~" in operator else chance.choice(VALUES)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    forms = [f'{name}{operator}"{escaped}"', f' {name} {operator} "{escaped}" ']
    if value and not set(value) & set('"\\\n,{} '):
        forms += [f"{name}{operator}{value}", f"{{{name}{operator}{value}}}"]
    if "," not in value:
        other = chance.choice(NAMES)
        forms.append(f'{{{name}{operator}"{escaped}",{other}!="zz"}}')
    return chance.choice(forms)
