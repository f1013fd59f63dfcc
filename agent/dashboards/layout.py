"""Where panels stand on Grafana's 24 columns. The library's own layout lets a third wide panel overflow, so ours counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Place:
    """A panel's rectangle in grid units."""

    x: int
    y: int
    width: int
    height: int


def rows(*shapes: tuple[int, Iterable[int]]) -> list[Place]:
    """Return the places of rows, each given as its height and its panels' widths; raise ValueError where one overflows."""
    places: list[Place] = []
    top = 0
    for height, widths in shapes:
        left = 0
        for width in widths:
            places.append(Place(left, top, width, height))
            left += width
        if left > COLUMNS:
            message = f"the row at {top} is {left} columns wide; Grafana has {COLUMNS}"
            raise ValueError(message)
        top += height
    return places
