"""Making and changing tasks: create, clone, edit, parameters, configuration, artifacts, models."""

from __future__ import annotations

from cleanup.sandbox.calls.generic import Body, Handler, chosen, common, need
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.kinds import PROJECT, TASK
from cleanup.sandbox.store import Store
from cleanup.sandbox.values import Entity, copied

CLONED = "name comment type parent project tags script hyperparams configuration container execution models report"


def for_update(store: Store, body: Body, *, force: bool = False) -> Entity:
    """A task that a call may change: a draft, or with force a running one. The calls for files always force."""
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    allowed = ("created", "in_progress") if force or body.get("force") else ("created",)
    if task["status"] not in allowed:
        raise wrong_status(task)
    return task


def wrong_status(task: Entity) -> ApiError:
    return ApiError(400, 110, "Invalid task status", expected="created", status=task["status"])


def updated(store: Store, task: Entity, changes: Body) -> Body:
    store.edit(TASK, task, {**changes, "last_update": store.now()})
    return {"updated": 1}


def readied(fields: Body) -> Body:
    """Artifacts come as a list without the fields that the server fills in."""
    fields = dict(fields)
    execution = dict(fields.pop("execution", None) or {})
    artifacts = [with_defaults(item) for item in execution.pop("artifacts", None) or []]
    for name, value in execution.items():
        fields[f"execution.{name}"] = value
    if artifacts:
        fields["execution.artifacts"] = by_key(artifacts)
    for side, entries in (fields.pop("models", None) or {}).items():
        fields[f"models.{side}"] = entries
    return fields


def with_defaults(artifact: Body) -> Body:
    return {"mode": "output", "display_data": [], **{k: v for k, v in artifact.items() if v is not None}}


def by_key(artifacts: list[Body]) -> list[Body]:
    return sorted(artifacts, key=lambda item: (item["key"], item["mode"]))


def create(store: Store, body: Body) -> Body:
    need(body, "name", "type")
    if body.get("project"):
        store.get(PROJECT, body["project"])
    fields = readied(chosen(body, TASK.edited))
    if body.get("output_dest"):
        fields["output"] = {"destination": body["output_dest"]}
    return {"id": store.add(TASK, **fields)["id"]}


def clone(store: Store, body: Body) -> Body:
    need(body, "task")
    source = store.get(TASK, body["task"])
    fields: Body = copied({name: source[name] for name in CLONED.split() if name in source})
    fields["execution"].pop("queue", None)
    artifacts = [item for item in fields["execution"].get("artifacts", ()) if item.get("mode") == "input"]
    fields["execution"]["artifacts"] = artifacts
    fields["models"]["output"] = []
    project = body.get("new_task_project")
    if not project and body.get("new_project_name"):
        project = store.ensure_project(body["new_project_name"])
    changes = {
        "name": body.get("new_task_name"),
        "comment": body.get("new_task_comment"),
        "tags": body.get("new_task_tags"),
        "system_tags": body.get("new_task_system_tags"),
        "project": project,
        "hyperparams": body.get("new_task_hyperparams"),
        "configuration": body.get("new_task_configuration"),
        "container": body.get("new_task_container"),
        "execution": (body.get("execution_overrides") or None)
        and {**fields["execution"], **body["execution_overrides"]},
        "parent": body.get("new_task_parent") or source["id"],
    }
    fields.update({name: value for name, value in changes.items() if value is not None})
    task = store.add(TASK, **fields)
    return {"id": task["id"], **({"new_project": {"id": project}} if body.get("new_project_name") else {})}


def edit(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    if not body.get("force") and task["status"] != "created":
        raise wrong_status(task)
    fields = readied(chosen(body, TASK.edited | {"status"}))
    if body.get("output_dest") is not None:
        fields["output.destination"] = body["output_dest"]
    if not fields:
        return {"updated": 0}
    if "models.input" in fields or "models.output" in fields:
        inputs = fields.get("models.input", task["models"]["input"])
        missing = sorted({item["model"] for item in inputs if item["model"] not in store.models})
        if missing:
            raise ApiError(400, 201, "Invalid model id", models=missing)
    alive = {} if TASK.updated.issuperset(fields) else {"last_update": store.now()}
    return {"updated": 1, "fields": store.edit(TASK, task, {**fields, **alive})}


def set_requirements(store: Store, body: Body) -> Body:
    need(body, "task")
    task = store.get_for_writing(TASK, body["task"])
    return updated(store, task, {"script.requirements": body.get("requirements")})


# Parameters


def edit_hyper_params(store: Store, body: Body) -> Body:
    given = body.get("hyperparams") or []
    properties = bool(given) and all(str(item.get("section")).lower() == "properties" for item in given)
    task = store.get_for_writing(TASK, body["task"]) if properties else for_update(store, body)
    replacing = body.get("replace_hyperparams")
    held: Body = {} if replacing == "all" else copied(task["hyperparams"])
    if replacing == "section":
        for section in {item["section"] for item in given}:
            held.pop(section, None)
    for item in given:
        held.setdefault(item["section"], {})[item["name"]] = {k: v for k, v in item.items() if v is not None}
    if properties:
        store.edit(TASK, task, {"hyperparams": held})
        return {"updated": 1}
    return updated(store, task, {"hyperparams": held})


def delete_hyper_params(store: Store, body: Body) -> Body:
    task = for_update(store, body)
    held: Body = copied(task["hyperparams"])
    for item in body.get("hyperparams") or []:
        if item.get("name"):
            held.get(item["section"], {}).pop(item["name"], None)
        else:
            held.pop(item["section"], None)
    return updated(store, task, {"hyperparams": held})


# Artifacts and models


def add_or_update_artifacts(store: Store, body: Body) -> Body:
    task = for_update(store, body, force=True)
    given = [with_defaults(item) for item in body.get("artifacts") or []]
    replaced = {(item["key"], item["mode"]) for item in given}
    kept = [item for item in task["execution"].get("artifacts", ()) if (item["key"], item["mode"]) not in replaced]
    return updated(store, task, {"execution.artifacts": by_key([*kept, *given])})


def delete_artifacts(store: Store, body: Body) -> Body:
    task = for_update(store, body, force=True)
    gone = {(item["key"], item.get("mode") or "output") for item in body.get("artifacts") or []}
    kept = [item for item in task["execution"].get("artifacts", ()) if (item["key"], item["mode"]) not in gone]
    return {"deleted": updated(store, task, {"execution.artifacts": kept})["updated"]}


def add_or_update_model(store: Store, body: Body) -> Body:
    """One of the same name is replaced where it stands; whether the model exists is not looked at."""
    need(body, "task", "name", "type", "model")
    task = for_update(store, body, force=True)
    entries = {entry["name"]: entry for entry in task["models"][body["type"]]}
    entries[body["name"]] = {"model": body["model"], "name": body["name"], "updated": store.now()}
    changes: Body = {f"models.{body['type']}": list(entries.values())}
    if body.get("iteration") is not None:
        changes["last_iteration"] = max(task["last_iteration"], body["iteration"])
    return updated(store, task, changes)


def delete_models(store: Store, body: Body) -> Body:
    task = for_update(store, body, force=True)
    gone = {(item["type"], item["name"]) for item in body.get("models") or []}
    changes = {
        f"models.{side}": [entry for entry in task["models"][side] if (side, entry["name"]) not in gone]
        for side in ("input", "output")
    }
    store.edit(TASK, task, changes)
    return {"updated": 1}


HANDLERS: dict[str, Handler] = common(TASK) | {
    f"tasks.{handler.__name__}": handler
    for handler in (
        *(create, clone, edit, set_requirements, edit_hyper_params, delete_hyper_params),
        *(add_or_update_artifacts, delete_artifacts, add_or_update_model, delete_models),
    )
}
