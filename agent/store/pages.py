"""A page: the cells of up to PAGE_COLUMNS neighbouring columns over the rows of one run, compressed without loss of a bit.

Bytes in, arrays out; it knows no files, no tables and no time. How a page is made, and what was measured, stands in
docs/architecture.md under "The shape of sealed samples".

1. A column that holds one bit pattern throughout (a constant, or never written) takes one value.
2. Cells that are no finite number (NaN with its payload, ±Inf, stale, absent) become exceptions, (place, bits); the column is
   carried through them.
3. A column whose cells all are whole multiples of 10^-e is kept as those integers, another as its bit patterns. Either way
   the differences from row to row are what is coded.
4. Columns are sorted by kind and by the size of their differences, and cut into tiles that share one set of bins: ten rows of
   300 counters compress as well as one long one, and pcodec is called once a tile, not once a series. The cells of a tile
   stand row by row, so that the sums that undo the differences run over whole rows and nothing is transposed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, DeltaSpec, ModeSpec, standalone

PAGE_COLUMNS: Final = 256
"""Columns of a page: the numbers of its columns fit a byte."""
TILE_CELLS: Final = 2**14
"""Cells that share bins: fewer cost bins and calls, more mix columns that do not belong together."""
_EXPONENTS: Final = (0, 1, 2, 3, 4, 6, 9)
_BITS, _CONSTANT = 254, 255
_EXACT: Final = 2.0**53
_HEAD: Final = struct.Struct("<IHH")
_TILES: Final = ChunkConfig(compression_level=8, delta_spec=DeltaSpec.no_op(), mode_spec=ModeSpec.auto())
_LISTS: Final = ChunkConfig(compression_level=8)
_RAW, _PCO, _ZLIB = b"\x00", b"\x01", b"\x02"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def encode(values: Floats) -> bytes:
    """Return the page of `values`, float64 of shape (rows ≥ 1, 1 to PAGE_COLUMNS columns)."""
    values = np.ascontiguousarray(values)
    rows, columns = values.shape
    bits = values.view(np.int64)
    constant = (bits == bits[0]).all(axis=0)
    varying = np.flatnonzero(~constant)
    kinds = np.full(columns, _CONSTANT, dtype=np.uint8)
    body = values[:, varying]
    places, oddities = _take_exceptions(body, varying)
    numbers, kinds[varying] = _as_integers(body)
    differences = numbers[1:] - numbers[:-1]
    size = np.abs(differences.astype(np.float64)).mean(axis=0) if len(differences) else np.zeros(len(varying))
    order = np.lexsort((size, kinds[varying]))
    tiles, widths = [], []
    for lo, hi in _cut(kinds[varying][order], rows):
        members = np.sort(order[lo:hi])
        order[lo:hi] = members
        tiles.append(standalone.simple_compress(differences[:, members].ravel(), _TILES))
        widths.append(hi - lo)
    parts = [
        _deflated(kinds.tobytes()),
        _deflated(varying[order].astype(np.uint8).tobytes()),
        np.array(widths, dtype="<u2").tobytes(),
        pack(bits[0, np.flatnonzero(constant)]),
        pack(numbers[0, order]),
        pack(places),
        pack(oddities),
        *tiles,
    ]
    lengths = np.array([len(part) for part in parts], dtype="<u4").tobytes()
    return _HEAD.pack(rows, columns, len(parts)) + lengths + b"".join(parts)


def decode(page: bytes, wanted: NDArray[np.intp] | None, lo: int, hi: int) -> Floats:
    """Return rows lo:hi of the page's columns `wanted` (None: all of them), float64 of shape (hi - lo, columns).

    The page must be whole (its checksum is the caller's business): what comes of other bytes is not defined.
    """
    rows, columns, count = _HEAD.unpack_from(page)
    parts = _split(page, count)
    kinds = np.frombuffer(_inflated(next(parts)), dtype=np.uint8)
    order = np.frombuffer(_inflated(next(parts)), dtype=np.uint8)
    widths = np.frombuffer(next(parts), dtype="<u2").tolist()
    constants, firsts = unpack(next(parts)), unpack(next(parts))
    places, oddities = unpack(next(parts)), unpack(next(parts))
    where = _destinations(columns, wanted)
    places_of = np.concatenate([np.flatnonzero(kinds == _CONSTANT), order])
    gathered = np.empty((hi - lo, int((where >= 0).sum())), dtype=np.float64)
    alike = len(constants)
    shown = where[places_of[:alike]] >= 0
    at = int(shown.sum())
    gathered.view(np.int64)[:, :at] = constants[shown]
    start = alike
    for width, tile in zip(widths, parts, strict=True):
        members = places_of[start : start + width]
        seen = where[members] >= 0
        count = int(seen.sum())
        if count:
            numbers = _tile(tile, rows, firsts[start - alike : start - alike + width], seen)
            _put(numbers[lo:hi], int(kinds[members[0]]), gathered[:, at : at + count])
        at += count
        start += width
    target = where[places_of]
    source = np.empty(at, dtype=np.intp)
    source[target[target >= 0]] = np.arange(at)
    out: Floats = gathered.take(source, axis=1, mode="clip")
    if len(places):
        column, row = np.divmod(places, rows)
        inside = (row >= lo) & (row < hi) & (where[column] >= 0)
        out.view(np.int64)[row[inside] - lo, where[column[inside]]] = oddities[inside]
    return out


def pack(numbers: Ints) -> bytes:
    """Return a list of int64 in few bytes; `unpack` turns it back."""
    numbers = np.ascontiguousarray(numbers, dtype=np.int64)
    if len(numbers) >= 4:
        packed: bytes = standalone.simple_compress(numbers, _LISTS)
        if len(packed) < numbers.nbytes:
            return _PCO + packed
    return _RAW + numbers.tobytes()


def unpack(packed: bytes) -> Ints:
    """Return the list that `pack` was given."""
    if packed[:1] == _RAW:
        return np.frombuffer(packed, dtype=np.int64, offset=1)
    return np.asarray(standalone.simple_decompress(packed[1:]), dtype=np.int64)


def _deflated(data: bytes) -> bytes:
    small = zlib.compress(data, 1)
    return _ZLIB + small if len(small) < len(data) else _RAW + data


def _inflated(data: bytes) -> bytes:
    return zlib.decompress(data[1:]) if data[:1] == _ZLIB else data[1:]


def _split(page: bytes, count: int) -> Iterator[bytes]:
    at = _HEAD.size + 4 * count
    for length in np.frombuffer(page, dtype="<u4", count=count, offset=_HEAD.size).tolist():
        yield page[at : at + length]
        at += length


def _take_exceptions(body: Floats, columns: NDArray[np.intp]) -> tuple[Ints, Ints]:
    """Overwrite the cells that are no finite number with their neighbours in time; return their places and bits.

    A place is column of the page × rows + row; places rise.
    """
    finite = np.isfinite(body)
    holed = np.flatnonzero(~finite.all(axis=0))
    if not len(holed):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows = len(body)
    part, good = body[:, holed], finite[:, holed]
    index, row = np.nonzero(~good.T)
    places = columns[holed[index]].astype(np.int64) * rows + row
    oddities = part.view(np.int64)[row, index]
    source = np.maximum.accumulate(np.where(good, np.arange(rows)[:, None], -1), axis=0)
    source = np.where(source < 0, good.argmax(axis=0)[None, :], source)
    filled = np.take_along_axis(part, source, axis=0)
    body[:, holed] = np.where(np.isfinite(filled), filled, 0.0)
    return places, oddities


def _as_integers(body: Floats) -> tuple[Ints, NDArray[np.uint8]]:
    """Return the columns as integers and the kind of each: the place of its exponent in _EXPONENTS, or _BITS."""
    numbers = np.empty(body.shape, dtype=np.int64)
    kinds = np.full(body.shape[1], _BITS, dtype=np.uint8)
    left = np.arange(body.shape[1])
    for kind, exponent in enumerate(_EXPONENTS):
        if not len(left):
            return numbers, kinds
        part, power = body if len(left) == body.shape[1] else body[:, left], 10.0**exponent
        with np.errstate(over="ignore"):
            whole = np.rint(part * power) + 0.0  # -0.0 becomes 0.0, and is found to differ
        again = whole / power
        exact = ((again.view(np.int64) == part.view(np.int64)) & (np.abs(whole) < _EXACT)).all(axis=0)
        found = left[exact]
        numbers[:, found] = whole[:, exact].astype(np.int64)
        kinds[found] = kind
        left = left[~exact]
    numbers[:, left] = body[:, left].view(np.int64)
    return numbers, kinds


def _cut(kinds: NDArray[np.uint8], rows: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of the tiles: columns of one kind, about TILE_CELLS cells."""
    width, lo = max(1, TILE_CELLS // rows), 0
    while lo < len(kinds):
        hi = min(lo + width, int(np.searchsorted(kinds, kinds[lo], side="right")))
        yield lo, hi
        lo = hi


def _destinations(columns: int, wanted: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """Return for each column of the page its column in the output, -1 where it is not wanted."""
    if wanted is None:
        return np.arange(columns)
    where = np.full(columns, -1, dtype=np.intp)
    where[wanted] = np.arange(len(wanted))
    return where


def _tile(tile: bytes, rows: int, firsts: Ints, shown: NDArray[np.bool_]) -> Ints:
    """Return the integers of the columns of a tile that are shown, shape (rows, shown columns)."""
    numbers = np.empty((rows, len(firsts)), dtype=np.int64)
    numbers[0] = firsts
    standalone.simple_decompress_into(tile, numbers[1:].reshape(-1))
    if not shown.all():
        numbers = numbers[:, shown]
    return np.cumsum(numbers, axis=0, out=numbers)


def _put(numbers: Ints, kind: int, out: Floats) -> None:
    """Turn integers back into what they stand for."""
    if kind == _BITS:
        out.view(np.int64)[...] = numbers
    elif _EXPONENTS[kind]:
        np.divide(numbers, 10.0 ** _EXPONENTS[kind], out=out)
    else:
        out[...] = numbers
