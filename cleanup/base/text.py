"""Text from elsewhere made safe to show: one line, bounded, without control characters or secrets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

_SECRETS = re.compile(
    r"(?i)(?P<keep>\bBearer\s+|\bBasic\s+|"
    # A user's password; no port, which ends where the address or its host does.
    r"://[^/\s:@\[]*:(?!\d{1,5}(?:[/?#\s\"',;:)\]}]|\.?$))|"
    r"(?:(?:secret|token|password|passwd|access_?key|account_?key|credential)[\w-]*|signature|sig)"
    r"[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s@&\"',;}]+"
)

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that move the cursor, hide or break a line; none of them is printable."""


def one_line(text: object, limit: int = 300) -> str:
    """Return ``text`` on one line of at most ``limit`` characters, control characters replaced.

    Names and addresses come from any user of the server: a line break in one must not forge a log line, nor a
    terminal code reach the terminal.
    """
    clean = str(text)[: limit * 4]
    if not clean.isprintable():
        clean = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in clean)
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def without_secrets(text: object, limit: int = 300) -> str:
    """Return ``text`` as :func:`one_line` does, with what looks like a password, key or token masked."""
    return one_line(_SECRETS.sub(lambda found: found["keep"] + "***", str(text)), limit)


def address_of(host: str) -> str:
    """Return the URL ``host`` without user name and password."""
    parts = urlsplit(host)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def plural(count: int, noun: str) -> str:
    """Return ``1 task``, ``2 tasks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: a Chinese sign takes two, an accent of its own none."""
    return sum(_columns(char) for char in text)


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` columns; an ellipsis stands for the middle, which tells the least."""
    if columns(text) <= limit:
        return text
    end = _fitting(reversed(text), (limit - 1) // 2)[::-1]
    return _fitting(text, limit - 1 - columns(end)) + "…" + end


def _fitting(text: Iterable[str], limit: int) -> str:
    """Return as much of ``text`` as ``limit`` columns hold."""
    kept = ""
    for char in text:
        limit -= _columns(char)
        if limit < 0:
            break
        kept += char
    return kept


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
