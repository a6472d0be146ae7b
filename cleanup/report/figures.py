"""The numbers of a cycle, and all of it as JSON: the one source for console, task page and scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cleanup.cycle.result import CycleResult, Gone, Planned

_WOULD = {"deleted": "would_delete", "failed": "would_fail", "freed": "would_free"}
"""Words in the names of numbers, and what people see of a dry run in their place."""


def numbers(result: CycleResult) -> dict[str, int | float]:
    """Return the numbers of a cycle: ``matched == deleted + kept + failed``, bytes as far as sizes are known.

    A dry run has the same names, for what would be. ``files_unnamed`` and ``files_of_unknown_size`` are parts of
    ``files_deleted``. Of model entries those count that this service deleted or kept by themselves: in the archive, or
    with the last task that used them, and ``models_matched`` is the sum of all three.
    """
    return {
        "matched": result.matched,
        "deleted": len(result.deleted),
        "kept": len(result.kept),
        "failed": len(result.failed),
        "files_deleted": result.files.deleted,
        "files_unnamed": result.files.unnamed,
        "files_already_gone": result.files.gone,
        "files_kept": result.kept_files_by_reason.total(),
        "files_failed": result.files.failed,
        "files_of_unknown_size": result.files.unsized,
        "models_matched": result.models.matched + result.models_deleted,
        "models_deleted": len(result.models.deleted) + result.models_deleted,
        "models_kept": len(result.models.kept),
        "models_failed": len(result.models.failed),
        "bytes_freed": result.files.size,
        "seconds": round(result.seconds, 3),
    }


def shown_numbers(result: CycleResult) -> dict[str, int | float]:
    """Return the numbers under the names that people see on the task's page: a dry run has not deleted anything."""
    would = _WOULD if result.dry_run else {}
    return {
        "_".join(would.get(word, word) for word in name.split("_")): value for name, value in numbers(result).items()
    }


def verbs(result: CycleResult) -> tuple[str, str]:
    """Return how to say of tasks and files that they were deleted, and that they failed."""
    return ("would be deleted", "would fail") if result.dry_run else ("deleted", "failed")


def per_project(result: CycleResult) -> dict[str, dict[str, int]]:
    """Return tasks, files and known bytes that went (or would), for each project by name, most files first."""
    totals: dict[str, dict[str, int]] = {}
    for entry in result.deleted:
        name = project_name(entry.task, result)
        row = totals.setdefault(name, {"tasks": 0, "files": 0, "files_of_unknown_size": 0, "known_bytes": 0})
        for column, value in {"tasks": 1, **_files(entry)}.items():
            row[column] += value
    return dict(sorted(totals.items(), key=lambda item: (-item[1]["files"], -item[1]["tasks"], item[0])))


def project_name(task: Planned, result: CycleResult) -> str:
    """Return the name of a task's project, its id if the server could not be asked."""
    return result.projects.get(task.project, task.project) or "(no project)"


def as_json(result: CycleResult) -> dict[str, Any]:
    """Return everything a cycle knows as plain JSON values: a plan to keep and compare, or what was done.

    The lists of files are bounded, as :class:`CycleResult` says; the numbers count them all.
    """
    fates: dict[str, Any] = {}
    for kind, those in (("tasks", result), ("models", result.models)):
        fates[f"{kind}_deleted"] = [{**_task(entry.task, result), **_files(entry)} for entry in those.deleted]
        fates[f"{kind}_kept"] = [{**_task(entry.task, result), "reason": entry.reason} for entry in those.kept]
        fates[f"{kind}_failed"] = [{**_task(entry.task, result), "error": entry.error} for entry in those.failed]
    return {
        "started": result.started.isoformat(),
        "dry_run": result.dry_run,
        "ok": result.ok,
        "interrupted": result.interrupted,
        "numbers": numbers(result),
        "force_delete_would_add": result.force_would_add,
        **fates,
        "kept_by_reason": dict(result.kept_by_reason()),
        "files_kept": [asdict(file) for file in result.kept_files],
        "files_kept_by_reason": dict(result.kept_files_by_reason),
        "files_failed": [asdict(file) for file in result.failed_files],
        "projects": per_project(result),
        "storages": {name: asdict(counts) for name, counts in sorted(result.storages.items())},
        "storages_out_of_reach": dict(result.unreachable),
        "storages_not_listed": dict(result.unlisted),
        "errors": list(result.errors),
    }


def _files(entry: Gone) -> dict[str, int]:
    return {"files": entry.files, "files_of_unknown_size": entry.unsized, "known_bytes": entry.size}


def _task(task: Planned, result: CycleResult) -> dict[str, Any]:
    return {**asdict(task), "project": project_name(task, result), "since": task.since.isoformat()}
