"""The texts of alertmanager.yml and its `templates:` files: Go templates over Alertmanager's data, compiled once.

`GoTexts` holds what may be called by name: our words under the names of Alertmanager's own templates, and over them what the
files define. `about` gives the rendering of one message, whose texts share a budget. Nothing here waits or sends.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from agent.errors import TemplateError
from agent.gotemplate import Budget, SafeText, Template, Value, parse, to_text
from agent.notify.messages.go_data import go_data
from agent.notify.messages.go_functions import FUNCTIONS, bound
from agent.notify.notification import Notification

SAME_AS: Final[Mapping[str, tuple[str, ...]]] = {
    "__alertmanager": (
        "slack.default.username", "pagerduty.default.client", "victorops.default.monitoring_tool",
        "rocketchat.default.alias", "mattermost.default.username",
    ),
    "__alertmanagerURL": (
        "slack.default.titlelink", "pagerduty.default.clientURL", "opsgenie.default.source", "pushover.default.url",
        "rocketchat.default.titlelink", "mattermost.default.titlelink",
    ),
    "__subject": (
        "slack.default.title", "email.default.subject", "pagerduty.default.description", "opsgenie.default.message",
        "victorops.default.entity_display_name", "pushover.default.title", "sns.default.subject", "discord.default.title",
        "msteams.default.summary", "msteams.default.title", "msteamsv2.default.title", "jira.default.summary",
        "rocketchat.default.title", "mattermost.default.title",
    ),
    "__both_lists": (
        "opsgenie.default.description", "victorops.default.state_message", "pushover.default.message",
        "sns.default.message", "telegram.default.message", "discord.default.message", "jira.default.description",
    ),
    "__subject_and_lists": ("wechat.default.message", "webex.default.message"),
    "__text_alert_list": ("pagerduty.default.instances",),
    "__markdown": ("msteams.default.text", "msteamsv2.default.text", "mattermost.default.text"),
    "": (
        "slack.default.callbackid", "slack.default.pretext", "slack.default.iconemoji", "slack.default.iconurl",
        "slack.default.text", "slack.default.footer", "wechat.default.to_user", "wechat.default.to_party",
        "wechat.default.to_tag", "wechat.default.agent_id", "discord.default.content", "rocketchat.default.text",
        "rocketchat.default.emoji", "rocketchat.default.iconurl",
    ),
}  # fmt: skip
"""Names of Alertmanager's own templates by what they print here; those under "" print nothing."""
_STEPS: Final = 400_000
_OUTPUT: Final = 2_000_000
_LINK: Final = re.compile(r"""\b(?:href|src)\s*=\s*["']?\s*$""", re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)


class GoTexts:
    """What the texts of one alertmanager.yml may call, and the texts that were compiled so far.

    `files` are the (name, text) of `templates:`, in their order: a later definition of a name replaces an earlier one. What does
    not compile is in `problems`, and its definitions are not there.
    """

    def __init__(self, files: Iterable[tuple[str, str]] = ()) -> None:
        self.problems: list[TemplateError] = []
        self._files: dict[str, Template] = {}
        self._compiled: dict[tuple[str, str], Template] = {}
        for name, text in files:
            try:
                template = parse(text, name, FUNCTIONS)
            except TemplateError as error:
                self.problems.append(error)
                continue
            self._files |= dict.fromkeys((Path(name).name, *template.defines), template)

    @functools.cached_property
    def library(self) -> Mapping[str, Template]:
        """The template that defines each name."""
        return {**_shipped(), **self._files}

    def compiled(self, text: str, name: str) -> Template:
        """Return a text as a template that errors call `name`; raise TemplateError."""
        found = self._compiled.get((name, text))
        if found is None:
            found = self._compiled[name, text] = parse(text, name, FUNCTIONS)
        return found

    def about(self, notification: Notification) -> Telling:
        """Begin to render the texts of one message."""
        return Telling(self, notification)


class Telling:
    """The rendering of one message's texts; together they have one budget of steps and characters."""

    def __init__(self, texts: GoTexts, notification: Notification) -> None:
        self._texts = texts
        self._notification = notification
        self._budget = Budget(_STEPS, _OUTPUT)

    def renewed(self) -> Telling:
        """Return itself with a whole budget, as for another message."""
        self._budget = Budget(_STEPS, _OUTPUT)
        return self

    @functools.cached_property
    def data(self) -> Value:
        """What `.` is."""
        return go_data(self._notification)

    def render(self, text: str, name: str = "alertmanager.yml", *, html: bool = False) -> str:
        """Return a text rendered; raise TemplateError. Where it is `html`, what its actions print is escaped for HTML."""
        if "{{" not in text:
            return text
        template = self._texts.compiled(text, name)
        return template.render(
            self.data,
            functions=bound(self._notification.at_ms),
            budget=self._budget,
            library=self._texts.library,
            escape=escaped_for_html if html else None,
        )


def escaped_for_html(before: str, value: Value) -> str:
    """Return what an action prints into HTML: escaped, and as a link only where the scheme is a web page's or a mail's.

    What went through safeHtml or safeUrl stays as it is. Go's html/template knows more places; these are the ones mails use.
    """
    if isinstance(value, SafeText):
        return str(value)
    text = to_text(value)
    if _LINK.search(before):
        scheme = _SCHEME.match(text)
        if scheme and scheme[1].lower() not in ("http", "https", "mailto"):
            return "#blocked"
        text = quote(text, safe="%/:?#[]@!$&'()*+,;=~")
    return escape(text, quote=True)


@functools.cache
def _shipped() -> Mapping[str, Template]:
    path = Path(__file__).with_name("default.tmpl")
    text = path.read_text(encoding="utf-8")
    for target, names in SAME_AS.items():
        call = f'{{{{ template "{target}" . }}}}' if target else ""
        text += "".join(f'{{{{ define "{name}" }}}}{call}{{{{ end }}}}' for name in names)
    template = parse(text, path.name, FUNCTIONS)
    return dict.fromkeys(template.defines, template)
