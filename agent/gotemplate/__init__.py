"""Go's text/template as an interpreter: rule annotations and labels, and Alertmanager's text fields.

`parse` refuses what Go refuses, with line and column; rendering is bounded in steps, depth and output. Prometheus' functions
are the table `PROMETHEUS`, bound to an instant and a query by `bind`. It knows no rules, no queries and no clock.
"""

from __future__ import annotations

from agent.gotemplate.builtins import Function
from agent.gotemplate.formatting import to_text
from agent.gotemplate.interpreter import Budget, Escape, Limits
from agent.gotemplate.numerals import quote
from agent.gotemplate.prometheus import PROMETHEUS, bind
from agent.gotemplate.template import Template, parse
from agent.gotemplate.times import duration, instant, parse_time, time_value
from agent.gotemplate.values import AnyMap, SafeText, Struct, Value

__all__ = [
    "PROMETHEUS",
    "AnyMap",
    "Budget",
    "Escape",
    "Function",
    "Limits",
    "SafeText",
    "Struct",
    "Template",
    "Value",
    "bind",
    "duration",
    "instant",
    "parse",
    "parse_time",
    "quote",
    "time_value",
    "to_text",
]
