"""What clients may send: JSON bodies with every field's type and bounds, and nothing else.

A body that does not fit is answered with a sentence that names the field; unknown fields are refused, since a typing
error that is silently ignored costs more than one that is told.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from sample_rag_app.documents import NAME, Document, parse_document, slug
from sample_rag_app.errors import InvalidRequest
from sample_rag_app.faults import Faults

MAX_TITLE = 200
Identity = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Body = TypeVar("Body", bound=msgspec.Struct)


class QueryBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """POST /api/query: the question (`query` is its other name), and who asks."""

    question: str | None = None
    query: str | None = None
    session_id: Identity | None = None
    client_id: Identity | None = None

    def text(self, max_characters: int) -> str:
        """Return the question; raises InvalidRequest when it is missing, empty, given twice or too long."""
        if (self.question is None) == (self.query is None):
            raise InvalidRequest('give the question once, as "question" (or "query")')
        text = (self.question or self.query or "").strip()
        if not text:
            raise InvalidRequest("the question is empty; ask something")
        if len(text) > max_characters:
            raise InvalidRequest(f"the question has {len(text)} characters; {max_characters} are allowed")
        return text


class DocumentBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One document: markdown text, with a title or a `# title` line of its own; `name` is made of the title."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TITLE)] | None = None
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None

    def document(self, modified_seconds: float) -> Document:
        """Make the document; raises InvalidRequest when nothing in it can be searched or named."""
        text = self.text if self.title is None else f"# {self.title.strip()}\n\n{self.text}"
        name = self.name if self.name is not None else slug(self.title or _first_line(text))
        if not NAME.fullmatch(name):
            raise InvalidRequest(
                f"{name!r} is no document name; use lower case letters, digits and single hyphens, such as disk-full"
            )
        document = parse_document(name, text, modified_seconds=modified_seconds)
        if not document.passages:
            raise InvalidRequest(f"the document {name!r} has no text below its title")
        return document


class DocumentsBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Several documents at once; a plain string is a document's text."""

    documents: Annotated[list[DocumentBody | str], msgspec.Meta(min_length=1, max_length=50)]

    def bodies(self) -> list[DocumentBody]:
        """Return every entry as a document's body."""
        return [DocumentBody(text=entry) if isinstance(entry, str) else entry for entry in self.documents]


class FaultsBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """POST /admin/faults: the faults that replace whatever is in force, and for how long."""

    error_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    latency_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0
    dependency_down: list[Literal["database", "cache"]] = []
    cache_disabled: bool = False
    duration_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0

    def faults(self) -> Faults:
        """Return the faults without their duration."""
        down = tuple(sorted(set(self.dependency_down)))
        return Faults(self.error_ratio, self.latency_seconds, down, self.cache_disabled)


def decode(body: bytes, kind: type[Body]) -> Body:
    """Read a JSON body; raises InvalidRequest that says what does not fit and where."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"the body does not fit: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON object: {error}") from error


def decode_documents(body: bytes) -> list[DocumentBody]:
    """Read one document, or several under `documents`."""
    try:
        several = isinstance(fields := msgspec.json.decode(body), dict) and "documents" in fields
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON object: {error}") from error
    return decode(body, DocumentsBody).bodies() if several else [decode(body, DocumentBody)]


def _first_line(text: str) -> str:
    return next((line.lstrip("# ").strip() for line in text.splitlines() if line.strip("# ")), "")
