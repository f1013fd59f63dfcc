"""What a reader has to say beside what it reads: warnings for whoever wrote the file, and what the model does not keep."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.schema import Place, Remark


@dataclass(slots=True)
class Notes:
    """Remarks on files as they are read: `warnings` are shown by a check, `unkept` is what a conversion would lose."""

    warnings: list[Remark] = field(default_factory=list)
    unkept: list[Remark] = field(default_factory=list)

    def warn(self, place: Place, message: str) -> None:
        """Say something of what was understood."""
        self.warnings.append(Remark(place, message))

    def passed_over(self, place: Place, message: str) -> None:
        """Say that something was not understood, and has no effect."""
        self.warn(place, message)
        self.left_out(place, message)

    def left_out(self, place: Place, message: str) -> None:
        """Say that something is of no effect here, and not kept: nobody needs to be warned of it."""
        self.unkept.append(Remark(place, message))

    def unknown(self, remarks: list[Remark], reader: str) -> None:
        """Take over the reader's remarks on unknown keys; `reader` says who else passes over them."""
        for each in remarks:
            self.passed_over(each.place, f"{each.message} ({reader})")
