"""Lists of mail addresses as people write them: `Ana <ana@example.org>, "Bo, B." <bo@example.org>`. Pure functions."""

from __future__ import annotations


def split_addresses(text: str) -> list[str]:
    """Return the addresses between the commas, each as it was written; a comma in quotes or in angle brackets parts nothing."""
    found, start, quoted, framed = [], 0, False, False
    for at, each in enumerate(text):
        if each == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and each in "<>":
            framed = each == "<"
        elif each == "," and not quoted and not framed:
            found.append(text[start:at])
            start = at + 1
    found.append(text[start:])
    return [each.strip() for each in found if each.strip()]
