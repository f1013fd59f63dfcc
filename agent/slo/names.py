"""Which names, labels and objectives a specification may have: the converters of its fields, each with advice."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Final

from agent.model import METRIC_NAME
from agent.rules import checked_template
from agent.schema import Convert, Text, WrongText
from agent.slo.conventions import IDENTITY, INCIDENT, SEVERITY, WINDOW

NAME: Final = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*[A-Za-z0-9]")
_PERCENTAGE: Final = re.compile(r"[0-9]{1,2}(\.[0-9]+)?")
RESERVED: Final = frozenset({*IDENTITY, WINDOW, SEVERITY, INCIDENT, METRIC_NAME})
"""Labels by which rules find each other: the compiler sets them."""


def _text(value: str) -> Text:
    if not isinstance(value, Text):
        message = "expected text"
        raise TypeError(message)
    return value


def checked_name(value: str, what: str = "name") -> Text:
    """Return a name that ids can be made of; raise ValueError. `what` is its key."""
    text = _text(value)
    if not text.strip():
        message = f"{what} is empty, and series are named after it"
        raise ValueError(message)
    if not NAME.fullmatch(text):
        form = 'letters, digits, ".", "_" and "-", at least two, a letter or digit first and last'
        message = f'{what} "{text}" cannot be part of an id: {form}'
        raise ValueError(message)
    return text


def checked_label_name(value: str) -> str:
    """Return a label's name; raise ValueError."""
    if not value:
        message = "a label needs a name"
        raise ValueError(message)
    if value in RESERVED:
        message = f'label "{value}" is set by the compiler; take another name'
        raise ValueError(message)
    return str(value)


def objective(value: str) -> float:
    """Return an objective in percent; raise ValueError with advice where no budget could come of it."""
    text = _text(value)
    try:
        percent = float(text)
    except ValueError as error:
        message = f'an objective is a percentage like 99.9, not "{text}"{_written_otherwise(text)}'
        raise ValueError(message) from error
    if percent == 100:
        message = (
            "an objective of 100 leaves no budget: the first error would burn it infinitely fast; write 99.99 or less"
        )
        raise ValueError(message)
    if percent == 0:
        message = "an objective of 0 allows everything to fail, so nothing would ever be told; write what is promised, like 99"
        raise ValueError(message)
    if not math.isfinite(percent) or not 0 < percent < 100:
        message = f"an objective is a percentage between 0 and 100, not {text}"
        raise ValueError(message)
    if percent < 1:
        message = (
            f'an objective is in percent, and {text} promises next to nothing; did you mean "{100 * percent:.12g}"?'
        )
        raise ValueError(message)
    return percent


def _written_otherwise(text: str) -> str:
    """Return a suggestion where the text is a percentage as people write it: `99,9`, `99.9 %`."""
    number = text.replace(",", ".").rstrip("% ")
    return f'; did you mean "{number}"?' if _PERCENTAGE.fullmatch(number) else ""


Name = Annotated[Text, Convert(checked_name, "a name")]
ServiceName = Annotated[Text, Convert(lambda value: checked_name(value, "service"), "a service's name")]
LabelName = Annotated[str, Convert(checked_label_name, "a label's name")]
LabelMap = Mapping[LabelName, Text]
TemplateMap = Mapping[LabelName, Annotated[Text, Convert(checked_template, "text")]]
Objective = Annotated[float, Convert(objective, "a percentage")]
Ratio = Annotated[Text, Convert(_text, "a number")]


def ratio(text: Text, what: str, *, whole: bool = False) -> float:
    """Return a number over 0 and below 1 (`whole`: up to 1) of a text; raise WrongText with advice."""
    try:
        value = float(text)
    except ValueError as error:
        raise WrongText(text.place, f'{what} is a number between 0 and 1, not "{text}"') from error
    if 0 < value < 1 or (whole and value == 1):
        return value
    advice = f"; it is a ratio, not a percentage: {value / 100:g}?" if 1 < value < 100 else ""
    advice = advice or ("; a whole leaves no budget, write 0.9999 or less" if value == 1 else "")
    raise WrongText(text.place, f"{what} lies between 0 and 1, not {text}{advice}")
