"""The demo's only difference from the shipped files: every duration is divided, so that a long story fits into two minutes.

Pure functions from text to text. They change durations and nothing else; a test replaces every duration by one word, in
the shipped files and in what comes out of here, and finds the same text. A duration is what YAML or PromQL write as one
(`5m`), and the seconds that the word `uptime` is compared with (`uptime < 60`): a process that lives faster is older sooner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from agent.errors import InvalidInput, ParseError
from agent.model import format_duration, parse_duration
from agent.query import Kind, tokens

SPEED: Final = 15
"""How much faster the demo lives; 15 makes a scrape every second of one every 15 s."""

_DURATION_KEYS: Final = frozenset(
    {
        "after",
        "evaluation_interval",
        "for",
        "group_interval",
        "group_wait",
        "interval",
        "keep_firing_for",
        "query_offset",
        "repeat_interval",
        "scrape_interval",
        "scrape_timeout",
    }
)
_UPTIME_BELOW: Final = ["uptime", "<"]
_DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")

Scale = Callable[[str], str]


def divided(duration: str, by: int = SPEED) -> str:
    """Return a Prometheus duration divided, at least 1ms: `5m` by 15 is `20s`."""
    whole_ms = parse_duration(duration)
    return format_duration(max(whole_ms // by, 1)) if whole_ms else duration


def rescale(text: str, scale: Scale = divided) -> str:
    """Return the YAML `text` with each duration passed through `scale`: under known keys, and inside PromQL under `expr`.

    Comments and layout are lost, since the document is written anew; keys, order and all other values stay.
    """
    document = yaml.load(text, Loader=_TextLoader)  # noqa: S506  # a SafeLoader that leaves scalars as text
    return str(yaml.dump(_walk(document, scale), Dumper=_TextDumper, sort_keys=False, width=1000))


def rescale_expression(expression: str, scale: Scale = divided) -> str:
    """Return PromQL with each duration literal passed through `scale`."""
    try:
        found = tokens(expression)
    except ParseError as error:
        message = f"cannot rescale the expression {expression!r}: {error}"
        raise InvalidInput(message) from error
    for number, token in reversed(list(enumerate(found))):
        if token.kind is Kind.DURATION and _DURATION.fullmatch(token.text):
            expression = expression[: token.start] + scale(token.text) + expression[token.end :]
        elif token.kind is Kind.NUMBER and [each.text for each in found[max(number - 2, 0) : number]] == _UPTIME_BELOW:
            seconds = parse_duration(scale(f"{token.text}s")) / 1000
            expression = expression[: token.start] + f"{seconds:g}" + expression[token.end :]
    return expression


def write_overlay(sources: Mapping[Path, Path], scale: Scale = divided) -> None:
    """Write each source file, rescaled, to its place."""
    for source, place in sources.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(rescale(source.read_text(encoding="utf-8"), scale), encoding="utf-8")


def _walk(node: Any, scale: Scale, key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _walk(value, scale, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_walk(each, scale, key) for each in node]
    if key == "expr":
        return _Scalar(rescale_expression(str(node), scale), node.tag)
    if key in _DURATION_KEYS and _DURATION.fullmatch(str(node)):
        return _Scalar(scale(str(node)), node.tag)
    return node


class _Scalar(str):
    """A scalar's text with the YAML tag that it was read under, so that what was quoted text stays text."""

    __slots__ = ("tag",)

    tag: str

    def __new__(cls, text: str, tag: str) -> _Scalar:  # noqa: PYI034  # a private leaf, never subclassed
        made = super().__new__(cls, text)
        made.tag = tag
        return made


class _TextLoader(yaml.SafeLoader):
    pass


class _TextDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the shape is pyyaml's
        return True


def _keep_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> _Scalar:
    return _Scalar(str(loader.construct_scalar(node)), node.tag)


def _write_text(dumper: yaml.SafeDumper, scalar: _Scalar) -> yaml.ScalarNode:
    return dumper.represent_scalar(scalar.tag, str(scalar), style="|" if "\n" in scalar else None)


for _tag in ("str", "int", "float", "bool", "null", "timestamp"):
    _TextLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _keep_text)
_TextDumper.add_representer(_Scalar, _write_text)
