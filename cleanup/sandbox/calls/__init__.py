"""The API's calls by name, and since which version of the API each is there."""

from __future__ import annotations

from cleanup.sandbox.calls import about, deletion, events, models, projects, queues, reports, reset, status, tasks
from cleanup.sandbox.calls.generic import Handler

HANDLERS: dict[str, Handler] = {
    name: handler
    for module in (tasks, status, deletion, reset, reports, models, projects, queues, events, about)
    for name, handler in module.HANDLERS.items()
}
SINCE = {name: (2, 13) for name in HANDLERS if name.endswith("_many")}
SINCE["organization.get_entities_count"] = (2, 20)
