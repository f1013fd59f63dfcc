"""PromQL: our own parser and an engine over arrays. It reads through its own Protocol and knows neither store nor clock.

`parse` gives a typed expression with a place on every node; `Engine` evaluates expressions at an instant or over a range,
all steps together. Parsing needs no numpy: the engine's names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from agent.query import ast
from agent.query.ast import Expr
from agent.query.functions import SIGNATURES
from agent.query.lexer import Kind, Token, tokens
from agent.query.parser import parse

if TYPE_CHECKING:
    from agent.query.engine import Engine
    from agent.query.memory import MemoryQueryable
    from agent.query.queryable import Queryable
    from agent.query.values import Matrix, Ragged, Result, Scalar, Series, String, Vector

_PAGES = {
    "Engine": "engine",
    "Matrix": "values",
    "MemoryQueryable": "memory",
    "Queryable": "queryable",
    "Ragged": "values",
    "Result": "values",
    "Scalar": "values",
    "Series": "values",
    "String": "values",
    "Vector": "values",
}

__all__ = [
    "SIGNATURES",
    "Engine",
    "Expr",
    "Kind",
    "Matrix",
    "MemoryQueryable",
    "Queryable",
    "Ragged",
    "Result",
    "Scalar",
    "Series",
    "String",
    "Token",
    "Vector",
    "ast",
    "parse",
    "tokens",
]


def __getattr__(name: str) -> Any:
    if name in _PAGES:
        return getattr(import_module(f"agent.query.{_PAGES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
