"""A YAML text of several documents, each read as what its own first keys say it is.

For files that other tools share with us: with `remarks`, an unknown key is a remark instead of an error, save in a dataclass
that says `__strict__ = True`; in one that says `__open__ = True` others may write what they like. With `camel_case`, a field
`error_query` stands in the file as `errorQuery`, though not
in a strict dataclass: that is ours.
"""

from __future__ import annotations

from typing import TypeVar

import yaml

from agent.schema.places import Place, Remark, Text
from agent.schema.reader import _Reader

T = TypeVar("T")


class Document:
    """One document of a text, or one item of a document that is a list of them; `number` counts them from 0."""

    def __init__(self, reader: _Reader, node: yaml.Node, number: int) -> None:
        self._reader = reader
        self._node = node
        self.number = number
        self.place: Place = reader.place(node)

    def text(self, name: str) -> Text:
        """Return the text at a top-level key, "" where there is none."""
        if isinstance(self._node, yaml.MappingNode):
            for key, value in self._node.value:
                if key.value == name and isinstance(value, yaml.ScalarNode):
                    return self._reader.located(str(value.value), value)
        return Text("", self.place)

    def keys(self) -> list[str]:
        """Return its top-level keys."""
        pairs = self._node.value if isinstance(self._node, yaml.MappingNode) else []
        return [str(key.value) for key, _ in pairs if isinstance(key, yaml.ScalarNode)]

    def read(self, cls: type[T], *, camel_case: bool = False, remarks: list[Remark] | None = None) -> T:
        """Read it into `cls`; raise SchemaError with all that is wrong in it. Unknown keys are added to `remarks`."""
        self._reader.camel_case = camel_case
        self._reader.remarks = None if remarks is None else []
        try:
            return self._reader.read_node(cls, self._node)
        finally:
            if remarks is not None:
                remarks += self._reader.remarked()


def documents(text: str, source: str) -> list[Document]:
    """Return the documents of a YAML text, empty ones left out; raise SchemaError where it is no YAML."""
    reader = _Reader(source, text, None)
    nodes = reader.nodes()
    items = [item for node in nodes for item in (node.value if isinstance(node, yaml.SequenceNode) else [node])]
    return [Document(reader, item, number) for number, item in enumerate(items)]
