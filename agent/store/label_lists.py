"""Lists of label sets as bytes: each label pair is written once, a label set is the numbers of its pairs. No I/O.

A label may hold any text that Python can, also half a surrogate pair that a YAML file wrote as `"\\ud800"`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from sys import intern
from typing import Final

import msgspec
import numpy as np

from agent.errors import InvalidInput
from agent.model import Labels

Pair = tuple[str, str]
_TEXT: Final = ("utf-8", "surrogatepass")
_decoder = msgspec.msgpack.Decoder(tuple[list[bytes], list[bytes], bytes, bytes])


def encode_labels(labels: Sequence[Labels]) -> bytes:
    """Return the label sets as bytes, about a tenth of their text where they are alike."""
    numbers: dict[Pair, int] = {}
    places = [numbers.setdefault(pair, len(numbers)) for each in labels for pair in each.pairs]
    counts = np.array([len(each.pairs) for each in labels], dtype="<u4").tobytes()
    names, values = [name.encode(*_TEXT) for name, _ in numbers], [value.encode(*_TEXT) for _, value in numbers]
    packed = msgspec.msgpack.encode((names, values, counts, np.array(places, dtype="<u4").tobytes()))
    return zlib.compress(packed, 3)


def decode_labels(data: bytes | memoryview, known: dict[Pair, Pair]) -> list[Labels]:
    """Return the label sets; `known` makes equal pairs of several lists the same object. Raise InvalidInput on other bytes."""
    try:
        names, values, counts, places = _decoder.decode(zlib.decompress(data))
        texts = [(intern(name.decode(*_TEXT)), value.decode(*_TEXT)) for name, value in zip(names, values, strict=True)]
        pairs = [known.setdefault(pair, pair) for pair in texts]
        chosen = [pairs[place] for place in np.frombuffer(places, dtype="<u4").tolist()]
        ends = np.cumsum(np.frombuffer(counts, dtype="<u4"), dtype=np.int64).tolist()
    except (zlib.error, msgspec.MsgspecError, ValueError, IndexError) as error:
        message = f"cannot read a list of label sets: {error}"
        raise InvalidInput(message) from error
    starts = [0, *ends[:-1]] if ends else []
    return [Labels.from_sorted(tuple(chosen[lo:hi])) for lo, hi in zip(starts, ends, strict=True)]
