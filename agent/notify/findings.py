"""What was found while two files were joined: problems that refuse them, warnings that do not."""

from __future__ import annotations

from agent.errors import SchemaError
from agent.notify.routing import Warning  # noqa: A004 - the room's word for what is said at load
from agent.schema import Place


class Findings:
    """Gathers what is wrong, so that all of it is said at once."""

    def __init__(self) -> None:
        self._problems: list[Warning] = []
        self._warnings: list[Warning] = []
        self._unreached: list[Warning] = []

    def problem(self, place: Place, message: str) -> None:
        """Note something for which the files are refused."""
        self._problems.append(Warning(place, message))

    def warn(self, place: Place, message: str) -> None:
        """Note something that is accepted and should be looked at."""
        self._warnings.append(Warning(place, message))

    def unreached(self, place: Place, message: str) -> None:
        """Note a route that reaches nobody we can send to."""
        self._unreached.append(Warning(place, message))

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """The warnings, each once, in the order of the files."""
        return _ordered(self._warnings)

    @property
    def unreachable(self) -> tuple[Warning, ...]:
        """The routes that reach nobody, in the order of the file."""
        return _ordered(self._unreached)

    def raise_problems(self) -> None:
        """Raise SchemaError if anything was wrong."""
        if self._problems:
            raise SchemaError([str(each) for each in _ordered(self._problems)])


def _ordered(found: list[Warning]) -> tuple[Warning, ...]:
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda each: (each.place.source, each.place.line, each.place.column)))
