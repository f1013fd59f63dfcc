"""The built dashboard as data, and its queries with Grafana's variables filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agent.dashboards import build

VARIABLES = {"$job": "rag", "$instance": "a:8000", "$__rate_interval": "1m", "$__range": "3h"}


@pytest.fixture(scope="session")
def overview() -> dict[str, Any]:
    """The RAG overview as Grafana would read it."""
    return json.loads(build()["rag-overview.json"])


@pytest.fixture(scope="session")
def expressions(overview) -> dict[str, str]:
    """Each query by its panel's title and letter, ready for a parser; annotations and variables are queries too."""
    found = {f"{panel['title']} {target['refId']}": target["expr"] for panel, target in targets(overview)}
    found |= {f"annotation {each['name']}": each["expr"] for each in overview["annotations"]["list"]}
    for variable in overview["templating"]["list"]:
        if variable["type"] == "query":
            found[f"variable {variable['name']}"] = variable["query"].removeprefix("label_values(").rpartition(",")[0]
    return {name: expanded(expr) for name, expr in found.items()}


def targets(dashboard: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give every panel with each of its queries."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel, target


def expanded(expr: str) -> str:
    """Fill Grafana's variables in."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr
