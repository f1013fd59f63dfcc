"""From the panel library's output to the JSON that is committed: stable ids, no junk, keys sorted.

What is taken out is named here, each with its reason; nothing else is changed.
"""

from __future__ import annotations

import json
from typing import Any, Final

# Filled in by Grafana when it stores a dashboard; in a file they only make differences.
_STORED: Final = ("id", "version", "iteration")
# Written by the library onto every variable; no Grafana knows them there.
_VARIABLE_JUNK: Final = ("auto", "auto_count", "auto_min")
# Of a dashboard's links; a link on data has none of them.
_DATA_LINK_KEYS: Final = ("title", "url", "targetBlank")
# The library would hide annotations and links in a menu; without the key they stand above the panels.
_HIDING: Final = "placement"


def normalise(dashboard: dict[str, Any]) -> str:
    """Return the text of a dashboard: sorted keys, two spaces, a newline at the end. Changes `dashboard`."""
    for key in _STORED:
        dashboard.pop(key, None)
    for number, panel in enumerate(dashboard["panels"], start=1):
        panel["id"] = number
        _trim_data_links(panel)
    for variable in dashboard["templating"]["list"]:
        for key in _VARIABLE_JUNK:
            variable.pop(key, None)
    for each in (*dashboard["annotations"]["list"], *dashboard["links"]):
        each.pop(_HIDING, None)
    return json.dumps(dashboard, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _trim_data_links(panel: dict[str, Any]) -> None:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if "links" in defaults:
        defaults["links"] = [{key: link[key] for key in _DATA_LINK_KEYS if key in link} for link in defaults["links"]]
