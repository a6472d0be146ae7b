"""Takes the README apart: tables, commands, flags, links, names of settings and keys."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)


def table(*header: str) -> list[list[str]]:
    """The rows of the one table with this header, cells without their backticks."""
    found = []
    lines = iter(PROSE.splitlines())
    for line in lines:
        if _cells(line) == list(header):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                found.append(_cells(row))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def commands() -> list[str]:
    """Every command in a block of shell: one for each line and each part between `&&`."""
    found = []
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", TEXT, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found += [part.strip() for part in line.split("&&") if part.strip() and not line.strip().startswith("#")]
    return found


def flags() -> dict[str, str]:
    """Every `--flag` with the command or text that it stands in."""
    found: dict[str, str] = {}
    for place in [*commands(), *SPANS]:
        for flag in re.findall(r"(?:^|\s)(--[a-z][a-z-]+)", place):
            found.setdefault(flag, place)
    return found


def links() -> list[str]:
    """Where the links lead to."""
    return re.findall(r"\]\(([^)\s]+)\)", PROSE)


def anchors() -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", PROSE, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def configuration_keys() -> set[str]:
    """Every dotted key of clearml.conf or of a server's configuration that is named."""
    return set(re.findall(r"\b(?:sdk|api|agent|fileserver)\.[a-z][a-z0-9_.]*[a-z0-9_]", "\n".join(SPANS)))


def environment_names() -> set[str]:
    """Every variable of the environment that is named."""
    return set(re.findall(r"\b(?:CLEARML|AWS|AZURE|GOOGLE)_[A-Z_]*[A-Z]\b", "\n".join([*SPANS, *commands()])))
