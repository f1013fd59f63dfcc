"""From a notification to the words of each channel. A template's error costs one field, never the message.

Texts of alertmanager.yml (`options`) win over our templates; they are Go templates, which `GoTexts` renders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from agent.errors import Rejected, TemplateError
from agent.notify.messages import builtin, pagerduty, slack
from agent.notify.messages.content import Content, describe
from agent.notify.messages.environment import BLOCKS, EMAIL_HTML, EMAIL_TEXT, SLACK, SMS, TemplateSet
from agent.notify.messages.escape import (
    clip,
    clip_mrkdwn,
    is_loopback,
    one_line,
    slack_escape,
    without_foreign_mentions,
)
from agent.notify.messages.go_texts import GoTexts, Telling
from agent.notify.messages.samples import sample_notifications
from agent.notify.messages.slack_extras import extras
from agent.notify.messages.sms import bundle, fit, problem
from agent.notify.notification import Notification

_SLACK_TEXTS: Final = (
    "message_text",
    "title",
    "title_link",
    "pretext",
    "text",
    "footer",
    "color",
    "username",
    "icon_emoji",
    "icon_url",
)


_SHORT_MAIL: Final = 3000


@dataclass(frozen=True, slots=True)
class EmailText:
    """A mail's words. `errors` says which templates failed; it is in the bodies already."""

    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    """Further headers from alertmanager.yml, not yet checked."""
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlackText:
    """A Slack message: `text` is what a push notification shows, `plain` says everything without blocks."""

    text: str
    attachment: Mapping[str, Any]
    reply: str
    plain: str
    looks: Mapping[str, str]
    """username, icon_emoji and icon_url where alertmanager.yml sets them."""
    errors: tuple[str, ...] = ()


class Renderer:
    """Renders notifications with the templates of `folder` (the shipped ones where it has none).

    Every template is compiled and tried on made-up notifications at once; raises TemplateError, a line per flaw.
    `timezone` is the IANA zone in which times are shown beside UTC, unless the notification's options name another. `go` holds
    what alertmanager.yml's texts may call; `strict`, as in Alertmanager, lets a text that fails refuse the whole message.
    """

    def __init__(
        self, folder: Path | None = None, *, timezone: str = "", go: GoTexts | None = None, strict: bool = False
    ) -> None:
        self._templates = TemplateSet(folder)
        self._timezone = timezone
        self._go = go or GoTexts()
        self._strict = strict
        problems = [problem for sample in sample_notifications() for problem in self._try(sample)]
        if problems:
            raise TemplateError("\n".join(dict.fromkeys(problems)))

    def describe(self, notification: Notification) -> Content:
        """Return the data that the templates see."""
        return describe(notification, self._timezone)

    def email(self, notification: Notification, change: str = "") -> EmailText:
        """Return the mail's subject and both bodies, which say the `change`. Options: `html`, `text`, `headers`."""
        content, errors, words = self.describe(notification), _Errors(), self.go(notification)
        written = notification.options.get("headers")
        headers = {
            str(name): self._option(value, words, errors, f"header {name}")
            for name, value in (written.items() if isinstance(written, Mapping) else ())
        }
        custom = next((value for name, value in headers.items() if name.lower() == "subject"), "")
        subject = (
            _test_mark(content, custom) + custom if custom else self._field(EMAIL_TEXT, "subject", content, errors)
        )
        html = self._option(notification.options.get("html"), words, errors, "html", html=True)
        text = self._option(notification.options.get("text"), words, errors, "text")
        text = text or self._field(EMAIL_TEXT, "document", content, errors, change=change)
        if not html:
            found = tuple(errors.found)
            html = self._field(EMAIL_HTML, "document", content, errors, change=change, template_errors=found)
        if errors.found:
            text += "\n\n" + "\n".join(f"Template error: {each}" for each in errors.found)
        return EmailText(one_line(subject, 250), text + "\n", html, headers, tuple(errors.found))

    def short_email(self, notification: Notification, note: str) -> EmailText:
        """Return the mail under the same subject with nothing but the plain facts, and `note` that says why."""
        said = clip(builtin.text(self.describe(notification)), _SHORT_MAIL)
        return replace(self.email(notification), text=f"{said}\n\n{one_line(note, 300)}\n", html="")

    def slack(self, notification: Notification, change: str = "") -> SlackText:
        """Return the message, and the thread's reply about `change` ("2 new alerts: …").

        Options: `message_text` or `title` with its `title_link` (the headline), `pretext` and `text` (the body), `footer`,
        `color`, what `slack_extras` reads, and `username`, `icon_emoji`, `icon_url`.
        """
        content, errors, words = self.describe(notification), _Errors(), self.go(notification)

        def say(text: Any, name: str) -> str:
            return self._option(text, words, errors, name)

        rendered = {
            name: self._field(SLACK, name, content, errors, change=change)
            for name in BLOCKS[SLACK]
            if name != "reply" or change
        }
        said = {name: say(notification.options.get(name), name) for name in _SLACK_TEXTS}
        title = slack.linked(said["title"], said["title_link"]) if said["title"] else ""
        written = said["message_text"] or title
        rendered["headline"] = _test_mark(content, written) + written if written else rendered["headline"]
        above = f"*{title}*" if title and said["message_text"] else ""
        rendered["body"] = "\n".join(
            part for part in (said["pretext"], above, said["text"] or rendered["body"]) if part
        )
        rendered["context"] = "\n".join(part for part in (rendered["context"], said["footer"]) if part)
        more = extras(notification.options, say)
        bar = slack.NAMED_COLOURS.get(said["color"], said["color"]) or slack.colour(content)
        notes = "\n".join(f"Template error: {slack_escape(each)}" for each in errors.found)
        return SlackText(
            text=slack.headline(rendered["headline"]),
            attachment=slack.attachment(content, rendered, bar, notes, more),
            reply=clip_mrkdwn(_marked(content, rendered.get("reply", "")), 3000),
            plain=slack_escape(clip(builtin.text(content) + ("\n" + notes if notes else ""), 3000)),
            looks={name: said[name] for name in ("username", "icon_emoji", "icon_url") if said[name]},
            errors=tuple(errors.found),
        )

    def pagerduty(self, notification: Notification) -> dict[str, Any]:
        """Return the event for PagerDuty without its routing key. Options: what pagerduty_configs say."""
        content, errors, words = self.describe(notification), _Errors(), self.go(notification)
        return pagerduty.event(
            notification,
            content,
            lambda text, name: self._option(text, words, errors, name),
            lambda: tuple(errors.found),
        )

    def sms(self, notification: Notification, most: int = 1) -> str:
        """Return a text of at most `most` parts, severity and name first.

        A link to the agent's own loopback address is left out: it leads nowhere on a phone.
        """
        content, errors = self.describe(notification), _Errors()
        rendered = {name: self._field(SMS, name, content, errors) for name in BLOCKS[SMS]}
        if is_loopback(rendered["link"]):
            rendered["link"] = ""
        return fit(rendered, most, keep_link=bool(content.ack_link and not rendered["ack"]))

    def sms_together(self, notifications: Sequence[Notification], most: int = 1) -> str:
        """Return one text of at most `most` parts about several incidents; the worst one's code acknowledges them all."""
        return bundle([problem(self.describe(each)) for each in notifications], most)

    @property
    def strict(self) -> bool:
        """Whether texts and their failures are exactly Alertmanager's."""
        return self._strict

    def _field(
        self,
        name: str,
        block: str,
        content: Content,
        errors: _Errors,
        *,
        change: str = "",
        template_errors: tuple[str, ...] = (),
    ) -> str:
        data = {each.name: getattr(content, each.name) for each in fields(content)}
        if not self._templates.has(name, block):
            return builtin.FIELDS[name, block](content)
        try:
            return self._templates.field(name, block, data | {"change": change, "template_errors": template_errors})
        except TemplateError as error:
            errors.note(str(error))
            return builtin.FIELDS[name, block](content)

    def go(self, notification: Notification) -> Telling:
        """Begin to render the message's texts of alertmanager.yml."""
        return self._go.about(notification)

    def address(self, notification: Notification) -> str:
        """Return where the message goes; an address of alertmanager.yml may be a Go template. Raises Rejected where it fails."""
        address = notification.target.address
        if "{{" not in address:
            return address
        try:
            return one_line(self.go(notification).render(address, "address"), 2000)
        except TemplateError as error:
            raise Rejected(f"rendering the address {address}: {error}", reason="clientError") from error

    def _option(self, source: Any, words: Telling, errors: _Errors, name: str, *, html: bool = False) -> str:
        """Return a text of alertmanager.yml, rendered; "" where there is none or it fails."""
        text = source if isinstance(source, str) else ""
        if "{{" not in text:
            return text
        try:
            return without_foreign_mentions(words.render(text, name, html=html), text)
        except TemplateError as error:
            if self._strict:
                raise Rejected(f"rendering {name} of alertmanager.yml: {error}", reason="other") from error
            errors.note(str(error))
            return ""

    def _try(self, sample: Notification) -> list[str]:
        content, errors = self.describe(sample), _Errors()
        for name, blocks in BLOCKS.items():
            for block in blocks:
                self._field(name, block, content, errors, change="a change")
        return errors.found


def _test_mark(content: Content, text: str) -> str:
    """Return what goes before a text of alertmanager.yml, so that no test is taken for a page."""
    return "[TEST] " if content.test and "[TEST]" not in text else ""


def _marked(content: Content, text: str) -> str:
    """Return a text that is not empty with its mark: who reads a thread from its end sees no headline."""
    return _test_mark(content, text) + text if text else ""


class _Errors:
    """The template errors met while one message was rendered, each once and short."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, text: str) -> None:
        short = one_line(text.removeprefix("template: "), 300)
        if short not in self.found:
            self.found.append(short)
