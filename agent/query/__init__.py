"""PromQL: our own parser and an engine over arrays. It reads through its own Protocol and knows neither store nor clock.

`parse` gives a typed expression with a place on every node; `Engine` evaluates expressions at an instant or over a range,
all steps together. Parsing needs no numpy: the engine's names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy
from agent.query import ast
from agent.query.ast import Expr
from agent.query.describe import described
from agent.query.functions import SIGNATURES
from agent.query.lexer import Kind, Token, tokens
from agent.query.parse_durations import evaluate_duration
from agent.query.parser import parse
from agent.query.pretty import pretty

if TYPE_CHECKING:
    from agent.query.engine import Engine
    from agent.query.explain import Explained, Explanation
    from agent.query.limits import Limits
    from agent.query.memory import MemoryQueryable
    from agent.query.native.hints import hinted
    from agent.query.native.notation import format_notation
    from agent.query.queryable import Queryable
    from agent.query.series_notation import SeriesValues, parse_metric, parse_values
    from agent.query.values import Matrix, Ragged, Result, Scalar, Series, String, Vector


__all__ = [
    "SIGNATURES",
    "Engine",
    "Explained",
    "Explanation",
    "Expr",
    "Kind",
    "Limits",
    "Matrix",
    "MemoryQueryable",
    "Queryable",
    "Ragged",
    "Result",
    "Scalar",
    "Series",
    "SeriesValues",
    "String",
    "Token",
    "Vector",
    "ast",
    "described",
    "evaluate_duration",
    "format_notation",
    "hinted",
    "parse",
    "parse_metric",
    "parse_values",
    "pretty",
    "tokens",
]

__getattr__ = lazy(
    __name__,
    {
        "engine": ("Engine",),
        "explain": ("Explained", "Explanation"),
        "limits": ("Limits",),
        "memory": ("MemoryQueryable",),
        "native.hints": ("hinted",),
        "native.notation": ("format_notation",),
        "queryable": ("Queryable",),
        "series_notation": (
            "SeriesValues",
            "parse_metric",
            "parse_values",
        ),
        "values": (
            "Matrix",
            "Ragged",
            "Result",
            "Scalar",
            "Series",
            "String",
            "Vector",
        ),
    },
)
