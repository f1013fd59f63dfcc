"""What can go wrong in the service, each with its HTTP status and its `error_type` label.

```
ServiceError
├── ClientError                 the asker's fault: 4xx, never a failed query
│   ├── InvalidRequest          validation
│   └── RateLimited             rate_limited
└── QueryFailed                 the service's fault: 5xx, counted in rag_queries_total{status="error"}
    ├── RetrievalFailed         retrieval_error
    ├── Overloaded              overload
    ├── QueryTimedOut           timeout
    └── InternalError           internal
```
"""

from __future__ import annotations

from typing import ClassVar, Final

ERROR_TYPES: Final = (
    "timeout",
    "provider_error",
    "rate_limited",
    "retrieval_error",
    "validation",
    "circuit_open",
    "overload",
    "internal",
    "client_closed",
)
"""Every value of the `error_type` label. No generator is called yet, so provider_error and circuit_open stay 0."""


class ServiceError(Exception):
    """An error with an answer for the client; its text is safe to show."""

    status: int = 500
    error_type: ClassVar[str] = "internal"
    retry_after_seconds: int | None = None


class ClientError(ServiceError):
    """The request cannot be served as it is; the service itself is well."""

    status = 400
    error_type = "validation"


class InvalidRequest(ClientError):
    """The body, or a part of it, is not what the endpoint takes; `status` tells a 413 or 409 from a 400."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class RateLimited(ClientError):
    """The client asks faster than it may."""

    status = 429
    error_type = "rate_limited"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class QueryFailed(ServiceError):
    """A valid question got no answer through the service's own fault."""


class RetrievalFailed(QueryFailed):
    """The document database did not answer."""

    status = 503
    error_type = "retrieval_error"


class Overloaded(QueryFailed):
    """As many queries run as may; this one was turned away."""

    status = 503
    error_type = "overload"
    retry_after_seconds = 1


class QueryTimedOut(QueryFailed):
    """The query took longer than the service allows itself."""

    status = 504
    error_type = "timeout"


class InternalError(QueryFailed):
    """Something inside failed; the log has the rest."""
