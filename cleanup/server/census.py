"""Whether the server tells of all tasks that it has, and which server it is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from clearml.backend_api.session import Request

from cleanup.base.errors import ServerError
from cleanup.server import Server
from cleanup.server.paging import complete, listing
from cleanup.server.rows import parse_task
from cleanup.server.session import CleanupSession


class _Count(Request):
    """A request that the SDK has no class for."""

    _service: Any = "organization"
    _action: Any = "get_entities_count"
    _version: Any = "2.23"

    def to_dict(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"tasks": {}, "search_hidden": True, "allow_public": True}


class _Info(Request):
    _service: Any = "server"
    _action: Any = "info"
    _version: Any = "2.23"

    def to_dict(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}


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
    uid = (server.session.send(_Info()).response_data or {}).get("uid")
    return uid if isinstance(uid, str) and uid else server.session.where


def now(server: Server) -> datetime:
    """Return the server's time (aware), as far as its answers tell it."""
    return datetime.now(timezone.utc) + timedelta(seconds=server.session.clock_skew)


def _counted(server: Server) -> int:
    if not CleanupSession.check_min_api_server_version("2.22"):
        return 0
    count = (server.session.send(_Count()).response_data or {}).get("tasks")
    if not isinstance(count, int):
        raise ServerError("the server's answer to organization.get_entities_count has no number of tasks")
    return count
