"""Tasks of the demo's world that others have to do with: by models, links, parents, pipelines and datasets."""

from __future__ import annotations

from cleanup.sandbox.group import GOES, STAYS, Group
from cleanup.sandbox.sandbox import Sandbox

SPEECH = "demo/speech & language"
DATA = "demo/data"


def build(sandbox: Sandbox) -> list[Group]:
    return [
        chain(sandbox),
        outlived(sandbox),
        *models_in_use(sandbox),
        published_models(sandbox),
        *second_entries(sandbox),
        *links(sandbox),
        *linked(sandbox),
        *family(sandbox),
        whole_pipeline(sandbox),
        *living_pipeline(sandbox),
        archived_versions(sandbox),
        *living_versions(sandbox),
        reports(sandbox),
    ]


def chain(sandbox: Sandbox) -> Group:
    """Each is fine-tuned from the model of the one before, and all were archived together."""
    group = Group(sandbox, "archived and old, a chain of models", GOES)
    model = ""
    for number in range(5):
        task = group.add(f"fine-tuned {number}", SPEECH, age_days=90.0 - number)
        if model:
            sandbox.use_model(task, model)
        model = group.add_model(task)
    return group


def outlived(sandbox: Sandbox) -> Group:
    """A model that its user kept when its maker went: the user is the last that needs it."""
    group = Group(sandbox, "archived and old, last users of a model", GOES)
    for number in range(2):
        maker = sandbox.add_task(f"gone before {number}", SPEECH)
        model = group.add_model(maker)
        sandbox.use_model(group.add(f"last user {number}", SPEECH), model)
        sandbox.remove_task(maker)
        sandbox.edit_model(model, task=None)
    return group


def models_in_use(sandbox: Sandbox) -> list[Group]:
    makers = Group(sandbox, "archived and old, its model is in use", GOES, STAYS, STAYS)
    users = Group(sandbox, "not archived, use models of others", STAYS)
    for number in range(4):
        model = makers.add_model(makers.add(f"maker {number}", SPEECH))
        sandbox.use_model(users.add(f"user {number}", SPEECH, archived=False), model)
    return [makers, users]


def published_models(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "archived and old, its model is published", GOES, STAYS, STAYS)
    for number in range(3):
        group.add_model(group.add(f"publisher {number}", SPEECH, "published"), published=True)
    return group


def second_entries(sandbox: Sandbox) -> list[Group]:
    """Two model entries for one file, under the same address or another host's: it stays as long as one of them."""
    first = Group(sandbox, "archived and old, its model has a second entry", GOES, GOES, STAYS)
    second = Group(sandbox, "not archived, a second entry for a file", STAYS)
    for host in (sandbox.files_url, "http://localhost:8081", "https://files.example"):
        made = sandbox.model(first.add_model(first.add("first entry", SPEECH)))
        uri = made["uri"].replace(sandbox.files_url, host)
        task = second.add("second entry", SPEECH, archived=False)
        second.models.append(sandbox.add_model(task, "the same weights", uri=uri))
    return [first, second]


def links(sandbox: Sandbox) -> list[Group]:
    """Files that tasks only link: they lie outside of the tasks' own folders, or in another task's."""
    linking = Group(sandbox, "archived and old, with linked files", GOES, of_files=STAYS)
    owner = Group(sandbox, "not archived, files linked by others", STAYS)
    result = owner.add_artifact(owner.add("owner", SPEECH, archived=False))
    linking.files.append(sandbox.put_file("datasets/shared/images.tar", b"dataset"))
    for number in range(4):
        task = linking.add(f"linking {number}", SPEECH)
        for uri in (linking.files[0], result, "s3://elsewhere/data.tar"):
            sandbox.add_artifact(task, uri, uri=uri)
    return [linking, owner]


def linked(sandbox: Sandbox) -> list[Group]:
    """The other way round: who links to the file needs it still."""
    makers = Group(sandbox, "archived and old, its artifact is linked", GOES, of_files=STAYS)
    linkers = Group(sandbox, "not archived, link to others' artifacts", STAYS)
    for number in range(2):
        uri = makers.add_artifact(makers.add(f"linked {number}", SPEECH))
        sandbox.add_artifact(linkers.add(f"linker {number}", SPEECH, archived=False), "link", uri=uri)
    return [makers, linkers]


def family(sandbox: Sandbox) -> list[Group]:
    parents = Group(sandbox, "archived and old, with children", GOES)
    children = Group(sandbox, "not archived, children of archived tasks", STAYS)
    for number in range(3):
        parent = parents.add(f"parent {number}", SPEECH)
        parents.add_artifact(parent)
        children.add_artifact(children.add(f"child {number}", SPEECH, "published", parent=parent, archived=False))
    return [parents, children]


def whole_pipeline(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "archived and old, a pipeline with its steps", GOES)
    steps = {name: group.add(name, SPEECH, system_tags=["hidden"]) for name in ("prepare", "train")}
    for task in steps.values():
        group.add_artifact(task)
    group.tasks.append(sandbox.add_pipeline(steps, "archived run", status="completed", archived=True, age_days=50.0))
    return group


def living_pipeline(sandbox: Sandbox) -> list[Group]:
    """One step is of an earlier run, reused as cached; a run can show a step's model and artifact as its own."""
    steps = Group(sandbox, "archived and old, steps of a living pipeline", STAYS)
    run = Group(sandbox, "not archived, a pipeline", STAYS)
    earlier = sandbox.add_task("earlier run", SPEECH, type="controller", system_tags=["pipeline"])
    run.tasks.append(earlier)
    cached, trained = steps.add("prepared before", SPEECH, parent=earlier), steps.add("trained", SPEECH)
    model, uri = steps.add_model(trained), steps.add_artifact(cached)
    controller = sandbox.add_pipeline({"prepare": cached, "train": trained}, "living run", status="completed")
    sandbox.add_artifact(controller, "monitored", uri=uri)
    sandbox.list_model(controller, model)
    run.tasks.append(controller)
    return [steps, run]


def archived_versions(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "archived and old, versions of a dataset", GOES)
    for number in range(3):
        _add_version(group, f"old data {number}", group.tasks[-1:], archived=True, age_days=90.0 - number)
    return group


def living_versions(sandbox: Sandbox) -> list[Group]:
    """A version holds only what changed: the rest it reads from those that it is built on."""
    parents = Group(sandbox, "archived and old, living versions are built on", STAYS)
    for number in range(2):
        _add_version(parents, f"data {number}", parents.tasks[-1:], archived=True, age_days=90.0 - number)
    newest = Group(sandbox, "not archived, a version of a dataset", STAYS)
    _add_version(newest, "data in use", parents.tasks[-1:])
    return [parents, newest]


def _add_version(group: Group, name: str, parents: list[str], **fields: object) -> None:
    task = group.sandbox.add_dataset(name, parents, project=DATA, status="completed", **fields)
    group.tasks.append(task)
    group.files += [item["uri"] for item in group.sandbox.task(task)["execution"]["artifacts"]]


def reports(sandbox: Sandbox) -> Group:
    group = Group(sandbox, "archived and old, reports", GOES)
    for number in range(2):
        task = sandbox.add_report(f"report {number}", status="published", archived=True, age_days=60.0)
        group.tasks.append(task)
        group.files += sandbox.task(task)["report_assets"]
    return group
