"""Queues and who watches them, as enqueuing needs to know."""

from __future__ import annotations

from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError, SettingsError
from cleanup.server.paging import every, listing, rows
from cleanup.server.rows import parse_named

SEEN_WITHIN = 600
"""Seconds after which the server forgets a worker that does not report."""


def queue_id(client: APIClient, name: str) -> str:
    """Return the id of the queue called ``name``.

    Raises:
        SettingsError: there is none; the message says what there is.
    """
    queues = listing(client.queues, ["id", "name"], order_by=["name"])
    found = {queue.name: queue.id for queue in every(queues, parse_named)}
    if name in found:
        return found[name]
    known = ", ".join(sorted(found)[:20]) or "none"
    problem = (
        f"services_queue = {name!r}: there is no such queue. Create it (web UI: Workers & Queues > Queues), "
        f"or name another with --services-queue; there is: {known}"
    )
    raise SettingsError([problem])


def is_watched(client: APIClient, queue: str) -> bool:
    """True if a worker that reported lately takes tasks from ``queue`` (an id), or the server does not say."""
    try:
        workers = rows(client.workers.get_all(last_seen=SEEN_WITHIN))
    except ServerError:
        return True
    return any(
        isinstance(entry, dict) and entry.get("id") == queue
        for worker in workers
        for entry in worker.get("queues") or []
    )
