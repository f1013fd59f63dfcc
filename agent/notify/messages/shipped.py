"""Where the templates are that come with Burnline. It loads no template engine: a check asks this first."""

from __future__ import annotations

from pathlib import Path

import agent


def shipped_templates() -> Path:
    """Return the folder of the templates that come with Burnline: in the installed package, else in the checkout."""
    package = Path(agent.__file__).parent
    inside = package / "shipped" / "alertmanager" / "templates"
    return inside if inside.is_dir() else package.parent / "alertmanager" / "templates"
