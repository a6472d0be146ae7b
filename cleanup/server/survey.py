"""What spans the server and is read once a cycle: who links to whose files, and who needs whole tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from cleanup.server.paging import FEW, PAGE, Lists, complete, listing
from cleanup.server.rows import addresses_of, destination_of, is_id, time_text

_Row = TypeVar("_Row", "References", "Claim")

_TASK_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class References:
    """The addresses that a task refers to: its artifacts, the images of a report, and the folder that it uploads to."""

    id: str
    addresses: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """The tasks that the task ``id`` needs as a whole, and the reason, which ends in its id."""

    id: str
    needed: frozenset[str]
    why: str


class Survey(Lists):
    """The calls that read all tasks of a kind. What an unreadable one refers to cannot be known.

    ``since`` (aware): only those that changed after it in any way. ``pool``: threads in which pages are read ahead.
    """

    def references(self, since: datetime | None = None, pool: Executor | None = None) -> Iterator[References]:
        """Yield what each task refers to. The server gives artifacts whole, previews included, or not at all."""
        fields = ["id", "execution.artifacts", "output.destination", "report_assets"]
        return self._all(_references, fields, since, pool)

    def claims(self, since: datetime | None = None, pool: Executor | None = None) -> Iterator[Claim]:
        """Yield the dataset versions that are built on others, and the pipeline runs with the steps that they name.

        A version stores only what changed and reads the rest from its parents' files; its configuration names all
        parents, near and far. The configuration of a run names its steps, those that it reused as cached too.
        """
        version, step = "dataset version {} is built on it", "it is a step of pipeline run {}"
        for claiming, why, section in (
            ({"system_tags": ["dataset"]}, version, ""),
            ({"system_tags": ["pipeline"]}, step, "pipeline"),
            # Older SDKs tagged pipeline runs otherwise, or not at all.
            ({"type": ["controller"]}, step, "pipeline"),
        ):
            parse = partial(_claim, why=why, section=section)
            yield from self._all(parse, ["id", "configuration"], since, pool, size=100, **claiming)

    def _all(
        self,
        parse: Callable[[Mapping[str, Any]], _Row | None],
        fields: list[str],
        since: datetime | None,
        pool: Executor | None,
        size: int = PAGE,
        **filters: Any,
    ) -> Iterator[_Row]:
        filters |= {"search_hidden": True, "order_by": ["created"]}
        if since is not None:
            filters |= {"last_change": [f">={time_text(since)}"], "order_by": FEW}
        whole, ids = (listing(self._client.tasks, some, **filters) for some in (fields, ["id"]))
        return complete(whole, parse, self.unreadable, size, pool, ids)


def _references(row: Mapping[str, Any]) -> References | None:
    if not is_id(row.get("id")):
        return None
    destination = destination_of(row)
    uploads = [f"{destination}/.{row['id']}"] if destination else []
    return References(row["id"], (*addresses_of(row), *uploads))


def _claim(row: Mapping[str, Any], why: str, section: str) -> Claim | None:
    """Return what a task needs by the ids in its configuration (in ``section`` alone, if it is given)."""
    if not is_id(row.get("id")):
        return None
    held = row.get("configuration")
    items = [item for name, item in held.items() if section in {"", name.lower()}] if isinstance(held, dict) else []
    texts = [str(item.get("value")) for item in items if isinstance(item, dict)]
    needed = {found for text in texts for found in _TASK_ID.findall(text)} - {row["id"]}
    return Claim(row["id"], frozenset(needed), why.format(row["id"]))
