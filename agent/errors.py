"""The one tree of exceptions. It holds no logic and imports nothing.

    BurnlineError
    ├── InvalidInput            what somebody wrote is wrong; trying again does not help
    │   ├── SchemaError         a YAML file, with file:line:column and a suggestion
    │   ├── TemplateError       a Go template, with its place
    │   └── QueryError          a PromQL query that cannot be answered
    │       ├── ParseError      … because it is not PromQL (Prometheus: bad_data)
    │       ├── ExecutionError  … because evaluating it failed (Prometheus: execution)
    │       └── QueryLimit      … because it would touch too much or take too long (Prometheus: timeout, execution)
    ├── NotNow                  what was asked cannot be done now; trying again helps
    ├── ScrapeError             a target gave no usable page
    ├── TooMuch                 a server of samples would not answer so much at once; it may answer less
    ├── StorageError            the store or the journal cannot keep what it was given
    │   └── AlreadyRunning      another agent holds this data directory
    └── DeliveryError           a message did not get out
        ├── RetryLater          … and trying again may help; carries when
        └── Rejected            … and trying again will not

Text = what was tried + on what + why + what to do. Foreign exceptions are mapped once, at the border, with `from`.
"""

from __future__ import annotations

from typing import ClassVar, Final

_MOST_LINES: Final = 20


class BurnlineError(Exception):
    """Base of everything that Burnline raises on purpose."""

    @property
    def brief(self) -> str:
        """The text, of very many problems the first twenty: for a log line and a page."""
        lines = str(self).split("\n", _MOST_LINES)
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES] = f"and {lines[_MOST_LINES].count(chr(10)) + 1:,} more lines"
        return "\n".join(lines)


class InvalidInput(BurnlineError):
    """Say that what somebody wrote is wrong; trying again does not help."""


class SchemaError(InvalidInput):
    """Point at the place in a file that is wrong.

    `problems` holds one complete line each, in the order of the file: `file:line:column: what; suggestion`.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class TemplateError(InvalidInput):
    """Say what is wrong in a template: at parse time a reason to refuse the file, at run time visible text.

    With `name`, the text begins as Go's: `template: name:line:column: `; both count from 1, columns in characters.
    """

    def __init__(self, message: str, *, name: str = "", line: int = 1, column: int = 1) -> None:
        self.message = message
        self.name = name
        self.line = line
        self.column = column
        super().__init__(f"template: {name}:{line}:{column}: {message}" if name else message)


class QueryError(InvalidInput):
    """Say why a query has no answer."""


class ParseError(QueryError):
    """Point at the place in an expression; `line` and `column` count from 1, columns in characters."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        self.line = line
        self.column = column
        self.message = message
        super().__init__(f"{line}:{column}: parse error: {message}")


class ExecutionError(QueryError):
    """Say why evaluating a well-formed query failed."""


class QueryLimit(QueryError):
    """Say which limit a query would pass; `timeout` is true where the limit was time."""

    def __init__(self, message: str, *, timeout: bool = False) -> None:
        self.timeout = timeout
        super().__init__(message)


class NotNow(BurnlineError):
    """Say that what was asked cannot be done now, and that trying again helps: `after_s` seconds from now."""

    def __init__(self, message: str, *, after_s: int = 10) -> None:
        self.after_s = after_s
        super().__init__(message)


class ScrapeError(BurnlineError):
    """Say why a target's page could not be used. `reason` is a short word for metrics.

    Reasons: connection, timeout, tls, status, body, body_size_limit, parse, sample_limit, label_limit, credentials, other.
    """

    def __init__(self, message: str, *, reason: str = "other") -> None:
        self.reason = reason
        super().__init__(message)


class TooMuch(BurnlineError):
    """Say that a server of samples would not answer, since what was asked takes too much or too long: it may answer less.

    STATUSES: how servers of Prometheus' API say that, of HTTP's.
    """

    STATUSES: ClassVar[frozenset[int]] = frozenset({413, 422, 503})


class StorageError(BurnlineError):
    """Say why the store or the journal cannot keep what it was given."""


class AlreadyRunning(StorageError):
    """Say that another agent holds this data directory."""


class DeliveryError(BurnlineError):
    """Say why a message did not get out. `reason` is a short word for metrics and journal rows.

    Reasons are Alertmanager's: clientError, authError, rateLimited, serverError, contextDeadlineExceeded, other.
    """

    def __init__(self, message: str, *, reason: str = "other") -> None:
        self.reason = reason
        super().__init__(message)


class RetryLater(DeliveryError):
    """Ask for another try, `after_ms` milliseconds from now where the provider said so (Retry-After).

    `scope` says for what it said so, and what therefore waits: the `message`, its `target` or all of the `provider`.
    """

    def __init__(
        self, message: str, *, reason: str = "other", after_ms: int | None = None, scope: str = "message"
    ) -> None:
        self.after_ms = after_ms
        self.scope = scope
        super().__init__(message, reason=reason)


class Rejected(DeliveryError):
    """Say that trying again will not help: wrong credentials, unknown recipient, unacceptable content."""
