"""The Go templates of alertmanager.yml when it is read: every text compiled and tried on made-up messages, with places.

A text that fails whatever the alerts are is a problem, since it would fail at night too; one that fails for some shapes of
message is warned of, because our own words stand in then. Alertmanager finds out only when it sends; so does strict mode.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import TemplateError
from agent.notify.findings import Findings
from agent.notify.messages.go_texts import GoTexts
from agent.notify.messages.samples import named_samples
from agent.schema import Place, Text


@dataclass(frozen=True, slots=True)
class Written:
    """One text of alertmanager.yml that may be a template: `what` names it in messages (slack config: title)."""

    what: str
    text: Text
    html: bool = False


def read_templates(patterns: Sequence[Text], folder: Path, findings: Findings) -> GoTexts:
    """Read the files of `templates:`, relative to `folder`; what cannot be read or compiled is a problem."""
    files: list[tuple[str, str]] = []
    for pattern in patterns:
        found = sorted(glob.glob(str(folder / str(pattern))))  # noqa: PTH207  # Path.glob refuses absolute patterns
        if not found:
            findings.warn(pattern.place, f"templates: {pattern} matches no file")
        for path in found:
            try:
                files.append((path, Path(path).read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                findings.problem(pattern.place, f"templates: cannot read {path}: {reason}")
    made = GoTexts(files)
    for problem in made.problems:
        findings.problem(Place(problem.name, problem.line, problem.column), problem.message)
    return made


def try_texts(go: GoTexts, written: Iterable[Written], findings: Findings, *, strict: bool = False) -> None:
    """Render every text on made-up messages; say what fails, where, and for which of them.

    Where a file of `templates:` is broken nothing is tried: what it should define would be missed everywhere.
    """
    if go.problems:
        return
    refuse = findings.warn if strict else findings.problem
    templates = {(each.text, each.html): each for each in reversed(list(written)) if "{{" in each.text}
    samples = named_samples() if templates else {}
    words = {name: go.about(sample) for name, sample in samples.items()}
    for each in reversed(templates.values()):
        failed: dict[str, TemplateError] = {}
        for name, telling in words.items():
            try:
                telling.renewed().render(each.text, each.what, html=each.html)
            except TemplateError as error:
                failed[name] = error
        if not failed:
            continue
        first = next(iter(failed.values()))
        place = each.text.locate(first.line, first.column) if first.name == each.what else _place(first)
        if len(failed) == len(samples):
            refuse(place, f"{each.what}: {first.message}")
        else:
            shapes = " and ".join(failed)
            message = f"{each.what}: fails where the message is {shapes}: {first.message}; our own words stand in then"
            findings.warn(place, message)


def _place(error: TemplateError) -> Place:
    return Place(error.name, error.line, error.column)
