"""Whether the server tells of all tasks that it has, and which server it is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

from cleanup.base.errors import ServerError
from cleanup.server import Server
from cleanup.server.paging import complete, listing
from cleanup.server.rows import parse_task
from cleanup.server.session import CleanupSession


def hides_tasks(server: Server) -> str:
    """Return what is wrong if the server lists fewer tasks than it counts, hidden, public and others' included.

    Servers before API 2.22 do not count.

    Raises:
        ServerError: it fails at some of them.
    """
    before = _counted(server)
    unreadable: list[str] = []

    fetch = listing(server.client.tasks, ["id"], search_hidden=True, order_by=["created"])
    listed = sum(1 for _ in complete(fetch, parse_task, unreadable))
    if unreadable:
        raise ServerError(unreadable[0])
    # Somebody may delete tasks meanwhile.
    counted = min(before, _counted(server))
    return f"The server counts {counted} tasks, and lists {listed} of them" if listed < counted else ""


def identity(server: Server) -> str:
    """Return what tells this server from others under whatever address: its own id, else its address."""
    # From API 2.12 on the server leaves its id out of this answer.
    uid = _asked(server, "server", "info", "2.8").get("uid")
    return uid if isinstance(uid, str) and uid else server.session.where


def now(server: Server) -> datetime:
    """Return the time (aware): this machine's or, as far as its answers tell, the server's, whichever is earlier.

    A clock that is ahead makes files look older than they are.
    """
    return datetime.now(timezone.utc) + timedelta(seconds=min(0.0, server.session.clock_skew))


def _counted(server: Server) -> int:
    if not CleanupSession.understands("2.22"):
        return 0
    everything = {"tasks": {}, "search_hidden": True, "allow_public": True}
    count = _asked(server, "organization", "get_entities_count", "2.23", **everything).get("tasks")
    if not isinstance(count, int):
        raise ServerError("the server's answer to organization.get_entities_count has no number of tasks")
    return count


def _asked(server: Server, service: str, action: str, version: str, **data: object) -> dict[str, Any]:
    """Return the answer to a request that the SDK has no class for."""
    asked = SimpleNamespace(_service=service, _action=action, _version=version, to_dict=lambda: data)
    return server.session.send(asked).response_data or {}
