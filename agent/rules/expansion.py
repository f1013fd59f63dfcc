"""From a series to an alert: rule labels and annotations expanded by their templates.

A template that fails while it runs becomes visible text, so that the alert still goes out. What the templates of one evaluation
may do together is bounded, so that none keeps the others waiting.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

import structlog

from agent.errors import TemplateError
from agent.gotemplate import Budget, Function, Template, bind
from agent.model import METRIC_NAME, Labels
from agent.rules.answers import Query, pairs_of
from agent.rules.spec import Group, Rule, alert_values, parse_template
from agent.rules.states import Observation

ALERT_NAME: Final = "alertname"

_log = structlog.get_logger()


class Expander:
    """The templates of one alerting rule. They are compiled when the first alert needs them: most rules never have one."""

    def __init__(self, group: Group, rule: Rule, *, external_labels: Labels, external_url: str) -> None:
        self.name = rule.name
        self._group, self._rule = group, rule
        self._external_labels = external_labels
        self._external_url = external_url
        self._failing: set[str] = set()
        """The templates whose failure is in the log already."""

    @functools.cached_property
    def _labels(self) -> dict[str, Template]:
        return self._compiled(self._group.labels_of(self._rule))

    @functools.cached_property
    def _annotations(self) -> dict[str, Template]:
        return self._compiled({name: str(text) for name, text in self._rule.annotations.items()})

    def _compiled(self, texts: Mapping[str, str]) -> dict[str, Template]:
        return {name: parse_template(text, f"{self.name}.{name}") for name, text in texts.items()}

    def observe(self, samples: list[tuple[Labels, float]], at_ms: int, query: Query) -> list[Observation]:
        """Return the alerts that `samples` mean at `at_ms`; templates may ask `query`."""
        functions = bind(at_ms, lambda expression, at: pairs_of(query(expression, at)), self._external_url)
        naming, telling = Budget(), Budget()  # long annotations never take from the labels, which say which alert it is
        return [
            Observation(
                self.labels(labels, value, functions, naming),
                value,
                Labels(self._run(self._annotations, labels, value, functions, telling)),
            )
            for labels, value in samples
        ]

    def labels(
        self,
        labels: Labels,
        value: float,
        functions: Mapping[str, Function] | None = None,
        budget: Budget | None = None,
    ) -> Labels:
        """Return an alert's final labels: the series' without its name, the rule's over them, alertname over all."""
        over = self._run(self._labels, labels, value, functions or {}, budget or Budget())
        return labels.merged({METRIC_NAME: "", **over, ALERT_NAME: self.name})

    def plain(self) -> tuple[Labels, Labels]:
        """Return the labels and annotations that are the same for every alert of the rule: those without a template."""
        labels, annotations = (
            {name: template.source.text for name, template in templates.items() if template.is_plain}
            for templates in (self._labels, self._annotations)
        )
        return Labels({**labels, ALERT_NAME: self.name}), Labels(annotations)

    def _run(
        self,
        templates: Mapping[str, Template],
        labels: Labels,
        value: float,
        functions: Mapping[str, Function],
        budget: Budget,
    ) -> dict[str, str]:
        data = variables = None
        texts = {}
        for name, template in templates.items():
            if template.is_plain:
                texts[name] = template.source.text
                continue
            if data is None:
                data, variables = alert_values(labels, value, self._external_labels, self._external_url)
            try:
                texts[name] = template.render(data, variables, functions, budget=budget)
            except TemplateError as error:
                texts[name] = f"<error expanding template: {error}>"
                if name not in self._failing:
                    self._failing.add(name)
                    _log.warning("a template fails; its alerts say so", rule=self.name, template=name, error=str(error))
        return texts
