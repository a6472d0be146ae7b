"""The numbers of a cycle, and all of it as JSON: the one source for console, task page and scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cleanup.cycle.result import CycleResult, Planned

_IN_A_DRY_RUN = {"deleted": "would_delete", "files_deleted": "files_would_delete", "bytes_freed": "bytes_would_free"}


def numbers(result: CycleResult) -> dict[str, int | float]:
    """Return the numbers of a cycle: ``matched == deleted + kept + failed``, bytes as far as the SDK recorded sizes.

    A dry run has the same names, for what would be.
    """
    return {
        "matched": result.matched,
        "deleted": len(result.deleted),
        "kept": len(result.kept),
        "failed": len(result.failed),
        "files_deleted": result.files.deleted,
        "files_already_gone": result.files.gone,
        "files_kept": result.kept_files.total(),
        "files_failed": result.files.failed,
        "bytes_freed": result.files.size,
        "seconds": round(result.seconds, 3),
    }


def shown_numbers(result: CycleResult) -> dict[str, int | float]:
    """Return the numbers under the names that people see on the task's page: a dry run has not deleted anything."""
    return {_IN_A_DRY_RUN.get(name, name) if result.dry_run else name: value for name, value in numbers(result).items()}


def per_project(result: CycleResult) -> dict[str, dict[str, int]]:
    """Return tasks, files and known bytes that went (or would), for each project by name."""
    totals: dict[str, dict[str, int]] = {}
    for entry in result.deleted:
        row = totals.setdefault(project_name(entry.task, result), {"tasks": 0, "files": 0, "known_bytes": 0})
        row["tasks"] += 1
        row["files"] += entry.files
        row["known_bytes"] += entry.size
    return dict(sorted(totals.items()))


def project_name(task: Planned, result: CycleResult) -> str:
    """Return the name of a task's project, its id if the server could not be asked."""
    return result.projects.get(task.project, task.project) or "(no project)"


def as_json(result: CycleResult) -> dict[str, Any]:
    """Return everything a cycle knows as plain JSON values: a plan to keep and compare, or what was done."""
    return {
        "started": result.started.isoformat(),
        "dry_run": result.dry_run,
        "ok": result.ok,
        "interrupted": result.interrupted,
        "numbers": numbers(result),
        "force_delete_would_add": result.force_would_add,
        "tasks_deleted": [
            {**_task(entry.task, result), "files": entry.files, "known_bytes": entry.size} for entry in result.deleted
        ],
        "tasks_kept": [{**_task(entry.task, result), "reason": entry.reason} for entry in result.kept],
        "tasks_failed": [{**_task(entry.task, result), "error": entry.error} for entry in result.failed],
        "kept_by_reason": dict(result.kept_by_reason()),
        "files_kept_by_reason": dict(result.kept_files),
        "files_failed": [asdict(file) for file in result.failed_files],
        "projects": per_project(result),
        "storages": {name: asdict(counts) for name, counts in sorted(result.storages.items())},
        "storages_out_of_reach": dict(result.unreachable),
        "errors": list(result.errors),
    }


def _task(task: Planned, result: CycleResult) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "project": project_name(task, result),
        "status": task.status,
        "since": task.since.isoformat(),
    }
