"""Reads configuration files with their commented examples, which people uncomment."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import clearml
import clearml_agent
from pyhocon import ConfigFactory

SDK, AGENT = (Path(package.__file__).parent for package in (clearml, clearml_agent))
DEFAULTS = {"sdk": SDK / "config/default/sdk.conf", "api": SDK / "backend_api/config/default/api.conf"}
AGENT_CONF = AGENT / "backend_api/config/default/agent.conf"

NOT_IN_DEFAULTS = {
    f"sdk.storage.path_substitution{key}": SDK / "storage/helper.py"
    for key in ("", "[].registered_prefix", "[].local_prefix")
}
"""Keys that the SDK reads although its default configuration has none of them, and the file that reads them."""

_CODE = re.compile(r'[\[\]{}],?$|\{.*\},?$|[a-z_][a-zA-Z0-9_.]*\s*([:=]\s*("[^"]*"|[^\s"]*|[\[{].*)|\{.*)(\s+#.*)?$')


def uncommented(text: str) -> str:
    """The text with every commented line that is configuration and no prose."""
    lines = []
    for line in map(str.strip, text.splitlines()):
        code = line.lstrip("# ") if line.startswith("#") else line
        if code == line or _CODE.match(code):
            lines.append(code + (' ""' if code != line and code.endswith(":") else ""))
    return "\n".join(lines) + "\n"


def parsed(text: str) -> dict[str, Any]:
    return dict(ConfigFactory.parse_string(text).as_plain_ordered_dict())


def keys(tree: Any, prefix: str = "") -> Iterator[str]:
    """Every key as a dotted path; an item of a list is `[]`."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            path = f"{prefix}.{name}".strip(".")
            yield path
            yield from keys(value, path)
    elif isinstance(tree, list):
        for item in tree:
            yield from keys(item, f"{prefix}[]")


@functools.cache
def known_keys() -> set[str]:
    """The keys of the SDK's default configuration, its commented examples included, and those it reads besides."""
    found = set(NOT_IN_DEFAULTS) | set(DEFAULTS)
    for section, path in DEFAULTS.items():
        for text in (path.read_text(), uncommented(path.read_text())):
            found |= {f"{section}.{key}" for key in keys(parsed(text))}
    return found
