"""What the server knows of each kind of entity: its fields, and by which of them it filters and how."""

from __future__ import annotations

from dataclasses import dataclass


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Kind:
    name: str
    missing: tuple[int, str]
    """Subcode and text for an id that does not exist."""
    fields: frozenset[str]
    edited: frozenset[str]
    """Fields that `create` and `edit` take."""
    updated: frozenset[str]
    """Fields that `update` takes; the others it ignores."""
    patterns: tuple[str, ...] = ("name",)
    lists: tuple[str, ...] = ("id", "tags", "system_tags", "user")
    times: tuple[str, ...] = ("last_update", "last_change")
    ranges: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    hides: bool = False
    """Entities with the system tag `hidden` are listed only on request or by id."""
    indexes: tuple[str, ...] = ()
    id_indexes: tuple[str, ...] = ()
    """Fields whose texts are found by the ids that they hold, as the folders in an address."""

    @property
    def service(self) -> str:
        return self.name + "s"


SETTABLE = names("name description default_output_destination display_name tags system_tags metadata")
COMMON = "id name user company comment created tags system_tags last_update last_change last_changed_by metadata"
MOMENTS = frozenset(
    (
        *("created", "started", "completed", "published", "status_changed", "last_update", "last_change"),
        *("last_worker_report", "last_activity_time", "register_time"),
    )
)
"""Fields that hold a time, in whatever form it comes in."""

TASK = Kind(
    name="task",
    missing=(101, "Invalid task id"),
    fields=names(
        f"{COMMON} type status status_reason status_message status_changed started completed published parent project "
        "input output execution container models script hyperparams configuration runtime last_worker "
        "last_worker_report last_iteration last_metrics metric_stats unique_metrics active_duration enqueue_status "
        "report report_assets company_origin"
    ),
    edited=names(
        "name tags system_tags type comment parent project input models container output execution hyperparams "
        "configuration script runtime"
    ),
    updated=names("name status_message comment project tags system_tags"),
    patterns=("name", "comment", "report"),
    lists=(
        *("id", "user", "tags", "system_tags", "type", "status", "project", "parent"),
        *("hyperparams.*", "execution.queue", "models.input.model"),
    ),
    times=("status_changed", "last_update", "last_change"),
    ranges=("created", "started", "active_duration", "last_metrics.*", "last_iteration"),
    plain=("runtime.*",),
    hides=True,
    indexes=("parent", "models.input.model", "system_tags", "type"),
    id_indexes=("models.output.model",),
)
MODEL = Kind(
    name="model",
    missing=(201, "Invalid model id"),
    fields=names(
        f"{COMMON} parent task project framework design labels ready ui_cache uri stats last_metrics "
        "last_iteration unique_metrics"
    ),
    edited=names("name tags system_tags task comment uri project parent framework design labels ready metadata"),
    updated=names("name project created comment tags system_tags uri ui_cache metadata"),
    patterns=("name", "comment"),
    lists=("id", "user", "tags", "system_tags", "framework", "uri", "project", "task", "parent", "metadata.*"),
    ranges=("created", "last_metrics.*", "last_iteration"),
    plain=("ready",),
    indexes=("task", "uri"),
    id_indexes=("uri",),
)
PROJECT = Kind(
    name="project",
    missing=(401, "Invalid project id"),
    fields=names(f"{COMMON} basename description default_output_destination parent path featured company_name"),
    edited=SETTABLE,
    updated=SETTABLE,
    patterns=("name", "basename", "description"),
    lists=("id", "user", "tags", "system_tags", "parent", "path"),
    hides=True,
)
QUEUE = Kind(
    name="queue",
    missing=(701, "Invalid queue id"),
    fields=names(f"{COMMON} entries display_name"),
    edited=SETTABLE,
    updated=SETTABLE,
    patterns=("name", "display_name"),
    lists=("id", "user", "tags", "system_tags", "metadata.*"),
    hides=True,
)
