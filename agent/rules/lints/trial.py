"""Try the templates of alerts before an alert needs them: what fails whatever the labels and the value are is remarked.

A trial has one series without labels, of value 1, and every query answers with one such. What fails only because of such data
(a label that is no number, an index that is not there) is not remarked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from agent.errors import ParseError, TemplateError
from agent.gotemplate import Budget, bind
from agent.model import Labels
from agent.query import parse
from agent.rules.lints.findings import Remark
from agent.rules.lints.subject import Subject
from agent.rules.spec import alert_values, parse_template

_HARMLESS: Final = re.compile(
    r"""\{\{-?\s*(?:\$labels\.\w+|\$value(?:\s*\|\s*humanize(?:1024|Duration|Percentage)?)?|printf\s+"[^"]*"\s+\$value)\s*-?\}\}"""
)
"""Actions that cannot fail; most templates have no others."""
_ACTION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LITERAL: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`')
_VERB: Final = re.compile(r"%[^a-zA-Z%]*[a-zA-Z%]")
_OF_DATA: Final = "error calling "
_CERTAIN: Final = ("incompatible types for comparison", "error parsing regexp", "longer than")
"""What a function may say that is so with any data."""
_NO_LABELS: Final = Labels()


class Trial:
    """Runs one template of each shape. What all trials of a check may take together is bounded."""

    def __init__(self) -> None:
        self._budget = Budget()
        self._fails: dict[str, bool] = {}
        self._functions = bind(0, self._answer)
        self._data, self._variables = alert_values(_NO_LABELS, 1.0, _NO_LABELS, "")
        self._refused: set[str] = set()
        """The queries that cannot be parsed."""

    def __call__(self, subject: Subject) -> Iterator[Remark]:
        """Try the templates of one alert."""
        for name, text in (
            *subject.rule.annotations.items(),
            *subject.group.labels.items(),
            *subject.rule.labels.items(),
        ):
            if "{{" not in text or "{{" not in _HARMLESS.sub("", text):
                continue
            failure = self._tried(str(text), name)
            if failure is not None:
                place = text.locate(failure.line, failure.column)
                yield Remark(place, "template-fails", f"this template fails for every alert: {_words(failure)}")

    def _tried(self, text: str, name: str) -> TemplateError | None:
        shape = _shape(text)
        if shape not in self._fails:
            failure = self._run(text, name)
            self._fails[shape] = failure is not None
            return failure
        return self._run(text, name) if self._fails[shape] else None

    def _run(self, text: str, name: str) -> TemplateError | None:
        if self._budget.steps <= 0 or self._budget.output <= 0:
            return None
        self._refused.clear()
        try:
            parse_template(text, name).render(self._data, self._variables, self._functions, budget=self._budget)
        except TemplateError as error:
            exhausted = self._budget.steps <= 0 or self._budget.output <= 0
            return error if not exhausted and self._is_certain(error.message, text) else None
        return None

    def _is_certain(self, message: str, text: str) -> bool:
        if _OF_DATA not in message:
            return True
        written = text.replace('\\"', '"')
        return any(reason in message for reason in _CERTAIN) or any(
            query and query in written for query in self._refused
        )

    def _answer(self, expression: str, _at_ms: int) -> list[tuple[Labels, float]]:
        try:
            parse(expression)
        except ParseError:
            self._refused.add(expression)
            raise
        return [(_NO_LABELS, 1.0)]


def _shape(text: str) -> str:
    """Return what decides whether a template fails: its actions; of a format, the verbs. Files repeat few of them."""
    return _LITERAL.sub(_verbs, "".join(_ACTION.findall(text)))


def _verbs(literal: re.Match[str]) -> str:
    return "".join(_VERB.findall(literal[0])) if "%" in literal[0] else literal[0]


def _words(failure: TemplateError) -> str:
    _, _, reason = failure.message.partition(" at <")
    if "incompatible types for comparison" in reason:
        return f"<{reason}; $value is a float, so write 5.0 where you compare it with 5"
    return f"<{reason}" if reason else failure.message
