"""Relabeling as Prometheus does it: label sets in, label sets out, or None where a step drops them. Pure.

Semantics from Prometheus' model/relabel: RE2 anchored at both ends, Go's `$1` and `${name}` expansion, MD5 for hashmod.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from agent.collect.spec import RelabelAction, RelabelConfig
from agent.model import Labels, compile_regex

_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+")
_Step = Callable[[RelabelConfig, dict[str, str]], dict[str, str] | None]


def relabel(labels: Labels, configs: Iterable[RelabelConfig]) -> Labels | None:
    """Apply the steps in order; return None as soon as one drops the label set."""
    current: dict[str, str] | None = dict(labels.pairs)
    for config in configs:
        assert current is not None
        current = _STEPS[config.action](config, current)
        if current is None:
            return None
    return Labels(current or {})


def expand(template: str, match: Any) -> str:
    """Replace `$1`, `$name`, `${name}` and `$$` in `template`, as Go's Regexp.Expand.

    The longest run of letters, digits and underscores is the name, so `$1x` asks for a group "1x" and gives nothing.
    """

    def replace(reference: re.Match[str]) -> str:
        dollar, bare, braced = reference.groups()
        if dollar:
            return "$"
        name = bare or braced
        if _NUMBER.fullmatch(name):
            return (match.group(int(name)) or "") if int(name) <= match.re.groups else ""
        return match.group(name) or "" if name in match.re.groupindex else ""

    return _REFERENCE.sub(replace, template)


def _source(config: RelabelConfig, labels: dict[str, str]) -> str:
    return config.separator.join(labels.get(name, "") for name in config.source_labels)


def _set(labels: dict[str, str], name: str, value: str) -> dict[str, str]:
    if value:
        return {**labels, name: value}
    return {each: kept for each, kept in labels.items() if each != name}


def _keep(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    return labels if compile_regex(config.regex).fullmatch(_source(config, labels)) else None


def _drop(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    return None if compile_regex(config.regex).fullmatch(_source(config, labels)) else labels


def _keep_equal(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    return labels if labels.get(config.target_label, "") == _source(config, labels) else None


def _drop_equal(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    return None if labels.get(config.target_label, "") == _source(config, labels) else labels


def _replace(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    match = compile_regex(config.regex).fullmatch(_source(config, labels))
    if match is None:
        return labels
    name = expand(config.target_label, match)
    return _set(labels, name, expand(config.replacement, match)) if name else labels


def _hashmod(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    digest = hashlib.md5(_source(config, labels).encode(), usedforsecurity=False).digest()
    return _set(labels, config.target_label, str(int.from_bytes(digest[8:], "big") % config.modulus))


def _label_map(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    pattern, mapped = compile_regex(config.regex), dict(labels)
    for name, value in sorted(labels.items()):
        match = pattern.fullmatch(name)
        if match:
            mapped[expand(config.replacement, match)] = value
    mapped.pop("", None)
    return mapped


def _label_drop(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    pattern = compile_regex(config.regex)
    return {name: value for name, value in labels.items() if not pattern.fullmatch(name)}


def _label_keep(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    pattern = compile_regex(config.regex)
    return {name: value for name, value in labels.items() if pattern.fullmatch(name)}


def _lowercase(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    return _set(labels, config.target_label, _source(config, labels).lower())


def _uppercase(config: RelabelConfig, labels: dict[str, str]) -> dict[str, str] | None:
    return _set(labels, config.target_label, _source(config, labels).upper())


_STEPS: Final[dict[RelabelAction, _Step]] = {
    RelabelAction.REPLACE: _replace,
    RelabelAction.KEEP: _keep,
    RelabelAction.DROP: _drop,
    RelabelAction.KEEP_EQUAL: _keep_equal,
    RelabelAction.DROP_EQUAL: _drop_equal,
    RelabelAction.HASHMOD: _hashmod,
    RelabelAction.LABEL_MAP: _label_map,
    RelabelAction.LABEL_DROP: _label_drop,
    RelabelAction.LABEL_KEEP: _label_keep,
    RelabelAction.LOWERCASE: _lowercase,
    RelabelAction.UPPERCASE: _uppercase,
}
