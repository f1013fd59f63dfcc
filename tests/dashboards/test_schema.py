"""Grafana's own JSON schema accepts the dashboard, panel options included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

pytestmark = pytest.mark.shared


def _errors(schema: dict[str, Any], value: Any) -> list[str]:
    found = jsonschema.Draft7Validator(schema).iter_errors(value)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]


@pytest.fixture
def schema(shared: Path) -> dict[str, Any]:
    """Grafana's schema of a dashboard, but for its two mistakes: what may be anything is said to be an object.

    A matcher byName has a string for options, and an override may set a list such as value mappings.
    """
    read = json.loads((shared / "grafana-schema" / "dashboard.jsonschema.json").read_text(encoding="utf-8"))
    read["definitions"]["MatcherConfig"]["properties"]["options"] = {"type": ["object", "string"]}
    read["definitions"]["DynamicConfigValue"]["properties"]["value"] = {"type": ["object", "array"]}
    return read


def test_the_dashboard_fits_grafanas_schema(schema, overview):
    assert _errors(schema, overview) == []


def test_the_schema_would_notice_a_wrong_key(schema, overview):
    assert _errors(schema, {**overview, "titel": "x"})


def test_every_panels_options_fit_the_schema_of_its_kind(shared: Path, overview):
    checked = set()
    for panel in overview["panels"]:
        kind = panel["type"].replace("-", "")
        schema = json.loads((shared / "grafana-schema" / f"{kind}.jsonschema.json").read_text(encoding="utf-8"))
        for name, value in (
            ("Options", panel["options"]),
            ("FieldConfig", panel["fieldConfig"]["defaults"].get("custom")),
        ):
            if value is None or name not in schema["definitions"]:
                continue
            part = {"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]}
            assert _errors(part, value) == [], f"{panel['title']} {name}"
            checked.add((kind, name))
    assert {kind for kind, _ in checked} == {"stat", "gauge", "timeseries", "heatmap", "statetimeline", "table"}
