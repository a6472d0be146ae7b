"""The sandbox's file server: files gone, neighbours intact."""

from __future__ import annotations

import io
import socket
import threading

import pytest
import requests
from clearml.utilities.requests_toolbelt import MultipartEncoder

from cleanup.sandbox import Fault, Sandbox
from cleanup.storage import BadAddress, Location, Outcome, SdkConfig, Storages
from tests.storage.conftest import session_of
from tests.storage.support import ODD_NAMES, TASK, failures, files_of_tasks, located, neighbours, outcomes, task_id


@pytest.fixture
def storages(sandbox, token):
    opened = Storages([sandbox.files_url], token, sdk=SdkConfig(), timeout=5)
    yield opened
    opened.close()


def put(sandbox, paths):
    for path in paths:
        sandbox.put_file(path, b"content")


def test_2500_files_of_50_tasks_go_in_bulk_and_their_neighbours_stay(sandbox, storages):
    put(sandbox, [*files_of_tasks(), *neighbours()])
    result = storages.delete(located(sandbox.files_url, files_of_tasks()))
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert len(result) == 2500
    assert sandbox.files() == set(neighbours())
    assert sandbox.requests["files.delete_many"] == 3
    assert sandbox.file_requests == 3


def test_without_delete_many_the_same_files_go_one_by_one():
    with Sandbox(delete_many_enabled=False) as sandbox:
        put(sandbox, [*files_of_tasks(10), *neighbours()])
        storages = Storages([sandbox.files_url], session_of(sandbox), sdk=SdkConfig(), bound=3)
        result = storages.delete(located(sandbox.files_url, files_of_tasks(10)))
        storages.close()
        assert set(outcomes(result).values()) == {Outcome.DELETED}
        assert sandbox.files() == set(neighbours())
        assert sandbox.requests["files.DELETE"] == 500
        assert sandbox.peak_concurrency <= 3


def test_files_that_are_gone_already_are_gone(sandbox, storages):
    put(sandbox, neighbours())
    result = storages.delete(located(sandbox.files_url, files_of_tasks(2, 3)))
    assert set(outcomes(result).values()) == {Outcome.GONE}


def test_one_file_that_the_server_fails_at_fails_alone(sandbox, storages):
    paths = files_of_tasks()
    put(sandbox, [*paths, *neighbours()])
    refused = paths[1234]
    sandbox.inject(
        Fault(
            "files.delete_many", status=500, times=None, match=lambda body: refused.replace(" ", "%20") in body["files"]
        )
    )
    result = storages.delete(located(sandbox.files_url, paths))
    assert list(failures(result)) == [refused]
    assert sandbox.files() == {refused, *neighbours()}


@pytest.mark.parametrize("name", [*ODD_NAMES, "x" * 250 + ".txt"])
def test_names_that_the_sdk_uploads_are_deleted_by_the_address_it_stores(sandbox, storages, token, name):
    from clearml.storage.url import quote_url

    path = f"project/100% a+b.{TASK}/models/{name}"
    upload(sandbox, token, f"/{path}")
    assert sandbox.files() == {path}
    try:
        location = storages.locate(quote_url(f"{sandbox.files_url}/{path}"))
    except BadAddress:
        assert "?" in name  # the SDK stores such an address as if it had a query, and cannot read it back itself
        location = Location(sandbox.files_url, path)
    assert set(outcomes(storages.delete([location])).values()) == {Outcome.DELETED}
    assert sandbox.files() == set()


def test_a_task_with_a_quotation_mark_in_its_name_leaves_no_file(sandbox, storages, token):
    folder = f"project/my%22task.{TASK}"  # what the SDK makes of the name my"task
    upload(sandbox, token, f"/{folder}/models/x.pt")
    upload(sandbox, token, f"/{folder}/models/unknown.pt")
    assert f'project/my"task.{TASK}/models/x.pt' in sandbox.files()  # where the server's form parser puts it
    location = storages.locate(f"{sandbox.files_url}/project/my%2522task.{TASK}/models/x.pt")
    assert set(outcomes(storages.delete([location])).values()) == {Outcome.DELETED}
    storages.remove_task_folders([location.folder_of(TASK)])
    assert sandbox.files() == set()


def test_a_folder_is_not_deleted_as_a_file(sandbox, storages):
    put(sandbox, [f"p/n.{TASK}/artifacts/a/a.pkl", f"p/n.{TASK}/models/m.d/x.pt"])
    hostile = [f"p/n.{TASK}", f"p/n.{TASK}/artifacts", f"p/n.{TASK}/artifacts/a", f"p/n.{TASK}/models/m.d", "p"]
    kept = [Location(sandbox.files_url, f"p/n.{TASK}/models/m.d/x.pt")]
    result = storages.delete(located(sandbox.files_url, hostile), keep=kept)
    assert set(outcomes(result).values()) == {Outcome.GONE}
    assert len(sandbox.files()) == 2


def test_emptied_task_folders_go_in_one_request_and_others_stay(sandbox, storages):
    put(sandbox, [*files_of_tasks(50, 3), *neighbours()])
    locations = located(sandbox.files_url, files_of_tasks(50, 3))
    storages.delete(locations)
    sandbox.reset_requests()
    folders = {location.folder_of(task_id(n)) for n, location in enumerate(locations[::3])}
    result = storages.remove_task_folders(folder for folder in folders if folder)
    assert set(outcomes(result).values()) == {Outcome.DELETED}
    assert len(result) == 50
    assert sandbox.file_requests == 1
    assert sandbox.files() == set(neighbours())
    assert not [folder for folder in sandbox.folders() if "some task" in str(folder)]


@pytest.mark.parametrize("kind", ["drop", "truncated", "malformed"])
def test_a_request_that_breaks_once_is_made_up_for(sandbox, storages, kind):
    put(sandbox, [*files_of_tasks(2, 3), *neighbours()])
    sandbox.inject(Fault("files.delete_many", kind=kind, acted=True))
    result = storages.delete(located(sandbox.files_url, files_of_tasks(2, 3)))
    assert set(outcomes(result).values()) <= {Outcome.DELETED, Outcome.GONE}
    assert sandbox.files() == set(neighbours())


def test_a_server_that_stalls_fails_in_time(sandbox, token):
    put(sandbox, files_of_tasks(2, 3))
    storages = Storages([sandbox.files_url], token, sdk=SdkConfig(), timeout=0.3)
    sandbox.inject(Fault("files.delete_many", kind="stall", times=None))
    result = storages.delete(located(sandbox.files_url, files_of_tasks(2, 3)))
    storages.close()
    assert len(failures(result)) == 6
    assert len(sandbox.files()) == 6


def test_a_token_that_has_run_out_is_renewed(sandbox, token):
    put(sandbox, neighbours())
    storages = Storages([sandbox.files_url], lambda refresh: token(True) if refresh else "stale", sdk=SdkConfig())
    result = storages.delete(located(sandbox.files_url, neighbours()[:1]))
    storages.close()
    assert set(outcomes(result).values()) == {Outcome.DELETED}


def test_another_http_server_gets_no_request_and_no_token(sandbox, storages):
    received = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.5)

    def listen():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        received.append(connection.recv(4096))

    thread = threading.Thread(target=listen)
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/p/n.{TASK}/models/x.pt"
    location = storages.locate(address)
    result = storages.delete([location])
    thread.join()
    listener.close()
    assert received == []
    assert "api.files_server" in result[location].error
    assert storages.check([location.root])[location.root]


def test_check_reaches_the_server_and_changes_nothing(sandbox, storages):
    put(sandbox, neighbours())
    assert storages.check([sandbox.files_url]) == {sandbox.files_url: ""}
    assert sandbox.files() == set(neighbours())
    wrong = Storages([sandbox.files_url], lambda refresh: "wrong", sdk=SdkConfig())
    assert "refuses" in wrong.check([sandbox.files_url])[sandbox.files_url]
    wrong.close()


def upload(sandbox, token, name):
    """Upload as the SDK's storage helper does: one form field, named as the object."""
    form = MultipartEncoder(fields={name: (name, io.BytesIO(b"content"), "application/octet-stream")})
    headers = {"Content-Type": form.content_type, "Authorization": f"Bearer {token(False)}"}
    assert requests.post(sandbox.files_url, data=form, headers=headers, timeout=10).status_code == 200
