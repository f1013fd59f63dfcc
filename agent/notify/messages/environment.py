"""Where templates come from and what they may do: sandboxed jinja2, one environment per kind of escaping.

A template is a set of named blocks; each block is one field of a message and is rendered by itself, so that an error in one
leaves the others standing. Templates see the fields of `Content`; they cannot reach code, files or other attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from agent.errors import TemplateError
from agent.notify.messages.escape import slack_code, slack_escape, slack_link, slack_time
from agent.notify.messages.shipped import shipped_templates
from agent.notify.messages.wording import counted

EMAIL_HTML = "email.html.j2"
EMAIL_TEXT = "email.txt.j2"
SLACK = "slack.j2"
SMS = "sms.txt.j2"

BLOCKS: Mapping[str, tuple[str, ...]] = {
    EMAIL_HTML: ("document",),
    EMAIL_TEXT: ("subject", "document"),
    SLACK: ("headline", "body", "facts", "alerts", "context", "reply"),
    SMS: ("head", "summary", "value", "since", "instances", "link", "ack"),
}
"""The blocks that each file has; they are the message's fields."""
OPTIONAL: frozenset[tuple[str, str]] = frozenset({(SMS, "ack")})
"""Blocks that came later: a file written before they did is right without them, and our own words stand in."""


class TemplateSet:
    """The compiled templates of one folder; a file that the folder lacks is taken from the shipped ones.

    Raises TemplateError, one line per flaw, where a file does not compile or lacks a block.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folders = [*([folder] if folder else []), shipped_templates()]
        if folder is not None and not folder.is_dir():
            message = f'reading message templates from "{folder}": there is no such folder'
            raise TemplateError(message)
        self._loader = ChoiceLoader([FileSystemLoader(str(each)) for each in folders])
        plain = self._environment(autoescape=False)
        html = self._environment(autoescape=True)
        slack = self._environment(autoescape=False, finalize=slack_escape)
        slack.globals.update(link=slack_link, code=slack_code, time=slack_time)
        self._environments = {EMAIL_HTML: html, EMAIL_TEXT: plain, SLACK: slack, SMS: plain}
        self._templates: dict[str, Template] = {}
        problems: list[str] = []
        for name in BLOCKS:
            self._compile(name, problems)
        if problems:
            raise TemplateError("\n".join(problems))

    def _environment(
        self, *, autoescape: bool, finalize: Callable[..., Any] | None = None
    ) -> ImmutableSandboxedEnvironment:
        made = ImmutableSandboxedEnvironment(
            loader=self._loader,
            autoescape=autoescape,
            undefined=StrictUndefined,
            finalize=finalize,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.globals.update(counted=counted)
        return made

    def _compile(self, name: str, problems: list[str]) -> None:
        try:
            template = self._environments[name].get_template(name)
        except TemplateSyntaxError as error:
            problems.append(f"{error.filename or name}:{error.lineno}:1: {error.message}")
            return
        except (JinjaError, OSError, UnicodeDecodeError) as error:
            problems.append(f"{name}:1:1: reading the message template failed: {error}")
            return
        lacking = [block for block in BLOCKS[name] if block not in template.blocks and (name, block) not in OPTIONAL]
        if lacking:
            problems.append(f"{template.filename}:1:1: the block {' and the block '.join(lacking)} is missing")
        self._templates[name] = template

    def has(self, name: str, block: str) -> bool:
        """Say whether a file has a block."""
        return block in self._templates[name].blocks

    def field(self, name: str, block: str, data: Mapping[str, Any]) -> str:
        """Render one block of one file; raise TemplateError saying which and why."""
        template = self._templates[name]
        try:
            context = template.new_context(dict(data))
            return "".join(template.blocks[block](context)).strip()
        except Exception as error:  # a template is its author's program: anything may go wrong in it
            failure = TemplateError(f"{name}, block {block}: {type(error).__name__}: {error}")
            failure.name, failure.line = str(template.filename), _line_of(template, error)
            raise failure from error


def _line_of(template: Template, error: Exception) -> int:
    """Return the line of the template in which `error` was raised, 1 where no part of the trace is a template's block."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name.startswith("block_"):  # so jinja2 calls what it compiles a block to
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
