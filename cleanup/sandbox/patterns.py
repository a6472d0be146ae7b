"""The ids that every text matching a pattern must hold: so that a search through a million addresses is a look-up."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable
from typing import Any

# The parser of the standard library moved there; it tells a pattern's parts so that none has to be guessed.
PARSER: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
DIGITS = re.compile(r"[0-9a-f]{32,}")
ANYTHING = "\0"
MOST = 20_000


def ids_of(text: str) -> list[str]:
    """Every stretch of 32 hexadecimal digits, in small letters."""
    found = DIGITS.findall(text.lower())
    return [digits[at : at + 32] for digits in found for at in range(len(digits) - 31)]


def needed_ids(pattern: str) -> set[str] | None:
    """Ids of which each match, whatever its case, holds at least one; None if that cannot be told."""
    found = [ids_of(text)[:1] for text in texts(PARSER.parse(pattern)) or [""]]
    return {held for ids in found for held in ids} if all(found) else None


def texts(parts: Iterable[tuple[Any, Any]]) -> list[str]:
    """The texts that match, with ANYTHING in the place of what is not fixed; no text at all if they are too many."""
    result = [""]
    for kind, value in parts:
        choices = choices_of(str(kind), value)
        if not choices or len(result) * len(choices) > MOST:
            return []
        result = [text + choice for text in result for choice in choices]
    return result


def choices_of(kind: str, value: Any) -> list[str]:
    if kind == "LITERAL":
        return [chr(value)]
    if kind == "IN" and all(str(inner) == "LITERAL" for inner, _ in value):
        return [chr(code) for _, code in value]
    if kind == "SUBPATTERN":
        return texts(value[-1])
    if kind == "BRANCH":
        found = [texts(branch) for branch in value[1]]
        return [text for several in found for text in several] if all(found) else []
    return [""] if kind == "AT" else [ANYTHING]
