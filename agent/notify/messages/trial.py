"""Our own messages' templates before they are needed: what does not compile or fails on a made-up message, with its line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from agent.errors import TemplateError
from agent.notify.messages.content import describe
from agent.notify.messages.samples import sample_notifications
from agent.notify.messages.shipped import shipped_templates


def template_problems(folder: Path) -> list[str]:
    """Return a line `file:line:column: what` for each flaw of the templates in `folder`; files as they were shipped have none."""
    if not any(_is_changed(path) for path in folder.glob("*.j2")):
        return []
    from agent.notify.messages.environment import BLOCKS, TemplateSet  # they need jinja2, and most checks do not

    try:
        templates = TemplateSet(folder)
    except TemplateError as error:
        return str(error).splitlines()
    found: dict[str, None] = {}
    for sample in sample_notifications():
        content = describe(sample)
        data = {each.name: getattr(content, each.name) for each in fields(content)}
        data |= {"change": "a change", "template_errors": ()}
        for name, blocks in BLOCKS.items():
            for block in blocks:
                if not templates.has(name, block):
                    continue
                try:
                    templates.field(name, block, data)
                except TemplateError as error:
                    found[f"{error.name or folder / name}:{error.line}:1: {error.message}"] = None
    return list(found)


def _is_changed(path: Path) -> bool:
    try:
        return path.read_bytes() != (shipped_templates() / path.name).read_bytes()
    except OSError:
        return path.exists()
