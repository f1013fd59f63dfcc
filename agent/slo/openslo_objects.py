"""OpenSLO's objects, collected from all files before any of them is looked into, since each may name any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from agent.errors import SchemaError
from agent.schema import Document, Remark, Text, WrongText, suggest
from agent.slo import openslo_file as file
from agent.slo.model import Written
from agent.slo.notes import Notes

V1: Final = "openslo/v1"
V1ALPHA: Final = "openslo/v1alpha"
_PASSED_OVER: Final = "it is passed over"
KINDS: Final[dict[str, type]] = {
    "SLO": file.SloObject,
    "SLI": file.Sli,
    "Service": file.Service,
    "DataSource": file.DataSource,
    "AlertPolicy": file.AlertPolicy,
    "AlertCondition": file.AlertCondition,
    "AlertNotificationTarget": file.AlertTarget,
}
_ALPHA_KINDS: Final[dict[str, type]] = {"SLO": file.AlphaSlo, "Service": file.Service}


@dataclass(slots=True)
class Objects:
    """The objects of all files: SLOs, and by kind and name what they refer to. Two services may name an SLO alike."""

    found: dict[tuple[str, str], Any] = field(default_factory=dict)
    slos: list[tuple[Written, file.SloObject | file.AlphaSlo]] = field(default_factory=list)

    def add(self, document: Document, notes: Notes) -> None:
        """Take an object in; raise SchemaError. What is of an unknown kind is passed over with a warning."""
        version, kind = document.text("apiVersion"), document.text("kind")
        if version not in (V1, V1ALPHA):
            message = (
                f'apiVersion is "{version}", and what is read is {V1} or {V1ALPHA}{suggest(version, (V1, V1ALPHA))}'
            )
            raise SchemaError([f"{version.place}: {message}"])
        kinds = KINDS if version == V1 else _ALPHA_KINDS
        if kind not in kinds:
            notes.passed_over(
                kind.place,
                f'nothing is known of kind "{kind}" in {version}{suggest(kind, list(kinds))}; it is passed over',
            )
            return
        remarks: list[Remark] = []
        read: Any = document.read(kinds[kind], camel_case=True, remarks=remarks)
        notes.unknown(remarks, _PASSED_OVER)
        name: Text = read.metadata.name
        if not name:
            place = read.metadata.place if read.metadata.place.source else document.place
            raise SchemaError([f"{place}: {kind} needs metadata.name"])
        if kind == "SLO":
            self.slos.append((Written(str(version), document.number), read))
        else:
            self.keep(str(kind), name, read)

    def keep(self, kind: str, name: Text, read: Any) -> None:
        """Keep an object under its name; raise SchemaError where the name is taken."""
        other = self.found.setdefault((kind, str(name)), read)
        if other is not read:
            raise SchemaError(
                [f'{name.place}: {kind} "{name}" is there already, at {other.metadata.name.place}; each name once']
            )

    def get(self, kind: str, name: Text) -> Any:
        """Return the object that `name` refers to; raise WrongText with a suggestion."""
        found = self.found.get((kind, str(name)))
        if found is None:
            known = [each for of, each in self.found if of == kind]
            raise WrongText(name.place, f'no {kind} is named "{name}" in these files{suggest(name, known)}')
        return found
