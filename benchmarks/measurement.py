"""What a benchmark comes to: a figure of ours beside the peer's, in one unit. It measures nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table.

    name: as in the table; what: what was done, in words; ours and theirs in `unit`; `ours_how` and `theirs_how` say in a few
    words what ran; floor and aim bound `judged`; details: further figures by what they are.
    """

    name: str
    what: str
    unit: str
    ours: float
    theirs: float
    peer: str = "Prometheus"
    ours_how: str = ""
    theirs_how: str = ""
    floor: float | None = None
    aim: float | None = None
    absolute: bool = False
    """The bounds are for our own figure, not for the ratio."""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Ours over theirs: lower is better."""
        return self.ours / self.theirs if self.theirs else float("nan")

    @property
    def judged(self) -> float:
        """The figure that floor and aim bound."""
        return self.ours if self.absolute else self.ratio

    @property
    def mark(self) -> str:
        """Say whether floor and aim are kept; empty where there are none."""
        if self.floor is None or self.aim is None:
            return ""
        if self.judged <= self.aim:
            return "aim reached"
        return "floor kept, aim missed" if self.judged <= self.floor else "FLOOR MISSED"

    def text(self) -> str:
        """Return a few lines for a terminal."""
        width = max(len("ours"), len(self.peer))
        lines = [f"{self.name}: {self.what}"]
        for label, value, how in (("ours", self.ours, self.ours_how), (self.peer, self.theirs, self.theirs_how)):
            lines.append(f"  {label:<{width}}  {value:.4g} {self.unit}{f'  ({how})' if how else ''}")
        lines += [f"  {label}: {shown(value)}" for label, value in self.details.items()]
        if self.mark:
            lines.append(f"  {self.mark} (floor {self.floor:g}, aim {self.aim:g})")
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        names = ("name", "what", "unit", "ours", "theirs", "peer", "ratio", "floor", "aim", "mark", "details")
        return {name: getattr(self, name) for name in names}


def shown(value: Any) -> str:
    """Return a number in few digits, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
