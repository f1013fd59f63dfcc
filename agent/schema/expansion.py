"""Environment variables in configuration text: `${VAR}`, `${VAR:-default}`; `$1`, `${1}` and `$${` stay text."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class UnsetVariable(ValueError):
    """Say which variable has neither a value nor a default."""


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace the references in `text`; raise UnsetVariable. As in a shell, `:-` also replaces an empty value."""

    def replace(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name is None:
            return "${"
        value = environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            message = f"environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            raise UnsetVariable(message)
        return value

    return _REFERENCE.sub(replace, text)
