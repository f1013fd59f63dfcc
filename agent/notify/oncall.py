"""Who is on call now, who is next, and the shifts to come, also as a calendar to subscribe to (RFC 5545). Pure functions.

A calendar names people and teams and nothing by which they could be reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from agent.errors import InvalidInput, SchemaError
from agent.notify.entries import check_people, directory_of
from agent.notify.escalation_file import EscalationFile
from agent.notify.findings import Findings
from agent.notify.people import Directory
from agent.notify.rotations import Shift
from agent.schema import read, suggest

WEEK_MS: Final = 7 * 24 * 3_600_000
MOST_WEEKS: Final = 104
_WEEKS_BACK: Final = 4
"""A calendar keeps what it showed of the last weeks: programs drop an event that is gone from where they subscribe."""
_WIDTH: Final = 75
"""Octets of a line of a calendar, without its end (RFC 5545, 3.1)."""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who stands for a team. `until_ms` is 0 where nobody takes turns; `shifts` begin with the current one."""

    team: str
    people: tuple[str, ...]
    instead_of: tuple[str, ...]
    until_ms: int
    next_people: tuple[str, ...]
    """Who is told where a step says `on_call: next`."""
    shifts: tuple[Shift, ...]


def on_call(directory: Directory, at_ms: int, *, team: str = "", weeks: int = 8) -> list[OnCall]:
    """Return who is on call at an instant, for one team or all, with the shifts of some weeks; raise InvalidInput."""
    found = []
    for name in _teams(directory, team, weeks):
        shifts = _merged(directory.teams[name].shifts(name, at_ms, at_ms + weeks * WEEK_MS))
        now, turns = shifts[0], bool(directory.teams[name].rotation or directory.teams[name].overrides)
        following = directory.teams[name].next_on_call(at_ms)
        found.append(OnCall(name, now.people, now.instead_of, now.ends_ms if turns else 0, following, tuple(shifts)))
    return found


def calendar(directory: Directory, at_ms: int, *, team: str = "", person: str = "", weeks: int = 8) -> str:
    """Return the shifts of some weeks, and of the four before, as iCalendar text; of one team or person, or of all.

    Times are in UTC, and a shift has the same UID at each asking. A team without turns is on call always and has no shifts;
    only who covers for it is there. Raises InvalidInput.
    """
    if person and person not in directory.people:
        message = f'there is nobody called "{person}"{suggest(person, sorted(directory.people))}'
        raise InvalidInput(message)
    name = f"On call: {person or ', '.join(_teams(directory, team, weeks)) or 'no teams'}"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Burnline//On call//EN", "CALSCALE:GREGORIAN"]
    lines += [f"NAME:{escape(name)}", f"X-WR-CALNAME:{escape(name)}"]
    lines += ["REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"]
    for each in _teams(directory, team, weeks):
        turns = directory.teams[each]
        for shift in turns.shifts(each, at_ms - _WEEKS_BACK * WEEK_MS, at_ms + weeks * WEEK_MS):
            if (turns.rotation or shift.instead_of) and (not person or person in shift.people):
                lines += _event(shift, at_ms)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in fold(line))


def escape(text: str) -> str:
    """Return text as a calendar's value: backslash, semicolon, comma and line breaks escaped, control characters dropped."""
    kept = "".join(
        each for each in text.replace("\r\n", "\n").replace("\r", "\n") if each == "\n" or each.isprintable()
    )
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        kept = kept.replace(plain, escaped)
    return kept


def fold(line: str) -> list[str]:
    """Cut a line into pieces of at most 75 octets, the following ones begun with a space, no character cut in two."""
    pieces, current, room = [], "", _WIDTH
    for character in line:
        size = len(character.encode())
        if size > room:
            pieces.append(current)
            current, room = " ", _WIDTH - 1
        current += character
        room -= size
    return [*pieces, current]


def load_directory(path: Path, environment: Mapping[str, str]) -> Directory:
    """Read the people and teams of an escalation.yml alone; raise SchemaError with a line for each flaw."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SchemaError([f"{path}:1:1: cannot read the file: {why}"]) from error
    file, findings = read(EscalationFile, text, str(path), environment=environment), Findings()
    check_people(file, findings)
    findings.raise_problems()
    return directory_of(file)


def _teams(directory: Directory, team: str, weeks: int) -> list[str]:
    """Return the teams that are asked for; raise InvalidInput."""
    if team and team not in directory.teams:
        message = f'there is no team "{team}"{suggest(team, sorted(directory.teams))}'
        raise InvalidInput(message)
    if not 1 <= weeks <= MOST_WEEKS:
        message = f"cannot look {weeks} weeks ahead; 1 to {MOST_WEEKS} can be asked for"
        raise InvalidInput(message)
    return [team] if team else sorted(directory.teams)


def _event(shift: Shift, at_ms: int) -> list[str]:
    people = " and ".join(shift.people)
    identity = sha256(f"{shift.team}\0{people}\0{shift.begins_ms}".encode()).hexdigest()[:32]
    told = [f"DESCRIPTION:{escape('Instead of ' + ' and '.join(shift.instead_of))}"] if shift.instead_of else []
    return [
        "BEGIN:VEVENT",
        f"UID:{identity}@burnline",
        f"DTSTAMP:{_stamp(at_ms)}",
        f"DTSTART:{_stamp(shift.begins_ms)}",
        f"DTEND:{_stamp(shift.ends_ms)}",
        f"SUMMARY:{escape(f'{people} on call for {shift.team}')}",
        *told,
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _stamp(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"


def _merged(shifts: list[Shift]) -> list[Shift]:
    """Join neighbours that are the same people in the same role: a member who has two turns in a row has one long one."""
    found: list[Shift] = []
    for each in shifts:
        last = found[-1] if found else None
        if last and (last.people, last.instead_of) == (each.people, each.instead_of):
            found[-1] = Shift(each.team, each.people, last.begins_ms, each.ends_ms, each.instead_of)
        else:
            found.append(each)
    return found
