"""The storages of the tests behind one face: each on its real implementation, filled and looked at past the package."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient
from gcp_storage_emulator import server
from gcp_storage_emulator.handlers import objects
from moto.backends import get_backend
from moto.s3.exceptions import S3AccessDeniedError

from cleanup.sandbox import Fault, Sandbox
from cleanup.storage import LOCAL, Answer, Location, Outcome, SdkConfig, Storages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from google.cloud import storage as google_storage

TASK = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
ODD_NAMES = ("a b.txt", "a+b.txt", "100%.txt", "%41.txt", "naïve € файл.txt", "q?x#y.txt", "semi;colon.txt", "it's.txt")

KEYS = {"key": "access-key-id", "secret": "very-secret"}
# Azurite's account and key are public and the same everywhere.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def task_id(number: int) -> str:
    return f"{number:032x}"


def folder_of(task: int) -> str:
    return f"project/some task.{task_id(task)}"


def files_of_tasks(tasks: int = 50, each: int = 50) -> list[str]:
    """Paths as the SDK lays them out: artifacts, models and debug samples of many tasks."""
    kinds = ("artifacts/a{n}/a{n}.pkl", "models/m{n}.pt", "metrics/title/series/t_s_{n:08d}.jpeg")
    return [f"{folder_of(task)}/" + kinds[n % 3].format(n=n) for task in range(tasks) for n in range(each)]


def neighbours() -> list[str]:
    """What must stay: other tasks' files, one in a folder that only begins like a task's, one outside any of them."""
    others = (path.replace("some task.", "other task.f") for path in files_of_tasks(2, 3))
    return [*others, f"{folder_of(0)}2/models/m.pt", "project/readme.txt"]


def storages(*file_servers: str, sdk: Any = None, token: Any = lambda refused: "token", **settings: Any) -> Storages:
    return Storages(file_servers, token, sdk=SdkConfig(sdk or {}), **settings)


def located(root: str, paths: Iterable[str]) -> list[Location]:
    return [Location(root, path) for path in paths]


def told(answers: dict[Location, Answer]) -> dict[str, str]:
    """Return by path what became of it: "deleted", "gone", or the error."""
    return {location.path: answer.error or answer.outcome.value for location, answer in answers.items()}


def failures(answers: dict[Location, Answer]) -> dict[str, str]:
    return {location.path: answer.error for location, answer in answers.items() if answer.outcome is Outcome.FAILED}


@dataclass
class Store:
    """One storage; ``top`` begins the paths of its locations.

    ``fail`` is called with a number: so many pages of listings are still answered, the next is refused. ``refuse``
    makes that a file cannot be deleted, and returns what its error says. ``has`` is what lies behind it: a sandbox, a
    folder, moto, Google's bucket, Azure's container.
    """

    name: str
    storages: Storages
    root: str
    put: Callable[[Iterable[str]], None]
    held: Callable[[], set[str]]
    refuse: Callable[[str], str]
    has: Any
    fail: Callable[[int], None] = lambda pages: None
    top: str = ""

    @property
    def prefix(self) -> str:
        """What its addresses begin with."""
        return f"{self.root}{self.top}".rstrip("/")

    def at(self, path: str) -> Location:
        return Location(self.root, self.top + path)

    def address(self, path: str) -> str:
        return f"{self.prefix}/{quote(path) if self.root.startswith('http') else path}"

    def listed(self, folder: str) -> set[str]:
        return {listed.location.path.removeprefix(self.top) for listed in self.storages.list(self.at(folder))}

    def delete(self, *paths: str) -> dict[str, str]:
        """Delete files, and return what became of each."""
        return {path.removeprefix(self.top): said for path, said in told(self.storages.delete(self._at(paths))).items()}

    def remove(self, *folders: str) -> list[str]:
        """Remove folders, and return what became of each."""
        return [*told(self.storages.remove_folders(self._at(folders))).values()]

    def _at(self, paths: Iterable[str]) -> list[Location]:
        return [self.at(path) for path in paths]


def token_of(sandbox: Sandbox) -> Callable[[str], str]:
    return lambda refused: sandbox._authority.token()


@contextlib.contextmanager
def file_server(**settings: Any) -> Iterator[Store]:
    with Sandbox(**settings) as sandbox:

        def put(paths: Iterable[str]) -> None:
            for path in paths:
                sandbox.put_file(path, b"content")

        def refuse(path: str) -> str:
            sent = quote(path)
            sandbox.inject(Fault("files.delete_many", status=500, times=None, match=lambda body: sent in body["files"]))
            return "500"

        with contextlib.closing(storages(sandbox.files_url, token=token_of(sandbox))) as opened:
            yield Store("file server", opened, sandbox.files_url, put, sandbox.files, refuse, sandbox)


@contextlib.contextmanager
def disks(folder: Path, monkeypatch: Any) -> Iterator[Store]:
    def put(paths: Iterable[str]) -> None:
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(b"content")

    def held() -> set[str]:
        found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        return {str(path.relative_to(folder)) for path in found}

    def refuse(path: str, unlink: Any = os.unlink) -> str:
        file = folder / path

        def refusing(name: str, *, dir_fd: int) -> None:
            if name == file.name and os.path.samestat(os.fstat(dir_fd), file.parent.stat()):
                raise PermissionError(1, "Operation not permitted", name)
            unlink(name, dir_fd=dir_fd)

        monkeypatch.setattr(os, "unlink", refusing)
        return "may not delete"

    with contextlib.closing(storages()) as opened:
        fail = failing(monkeypatch, os, "scandir", PermissionError(13, "Permission denied"))
        yield Store("disks", opened, LOCAL, put, held, refuse, folder, fail, f"{folder}/")


@contextlib.contextmanager
def s3(host: str, monkeypatch: Any, *, minio: bool) -> Iterator[Store]:
    """Moto's server: as Amazon's, found by the bucket alone, or as a MinIO, by the host in front of it."""
    if minio:
        section: dict[str, Any] = {"credentials": [{"host": host, "secure": False, **KEYS}]}
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}")
        section = {"region": "us-east-1", **KEYS}
    moto = get_backend("s3")["123456789012"]["aws"]
    moto.create_bucket("bucket", "us-east-1")

    def put(paths: Iterable[str]) -> None:
        for path in paths:  # in this process: thousands of uploads take long
            moto.put_object("bucket", path, b"content")

    def refuse(path: str) -> str:
        arn = f"arn:aws:s3:::bucket/{path}"
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": arn}
        moto.put_bucket_policy("bucket", json.dumps({"Version": "2012-10-17", "Statement": [deny]}).encode())
        return "AccessDenied"

    with contextlib.closing(storages(sdk={"aws": {"s3": section}})) as opened:
        name, root = ("minio", f"s3://{host}/bucket") if minio else ("s3", "s3://bucket")
        fail = failing(monkeypatch, moto, "list_objects_v2", S3AccessDeniedError())
        yield Store(name, opened, root, put, lambda: {*moto.get_bucket("bucket").keys}, refuse, moto, fail)
    monkeypatch.undo()  # before moto forgets what was patched
    moto.reset()


@contextlib.contextmanager
def google(emulator: Any, monkeypatch: Any) -> Iterator[Store]:
    emulator.wipe()
    client = google_storage.Client(project="p")
    bucket = client.create_bucket("bucket")

    def put(paths: Iterable[str]) -> None:
        for path in paths:
            bucket.blob(path).upload_from_string(b"content")

    def held() -> set[str]:
        return {blob.name for blob in bucket.list_blobs()}

    def refuse(path: str) -> str:
        real = objects._BATCH_METHOD_HANDLERS["DELETE"]

        def answer(request: Any, item: Any, storage: Any, bucket: str, name: str, meta: Any, response: Any) -> Any:
            if name != path:
                return real(request, item, storage, bucket, name, meta, response)
            error = {"error": {"message": "does not have storage.objects.delete"}}
            objects._batch_write_json(response, "HTTP/1.1 403 Forbidden", error)
            return True

        monkeypatch.setitem(objects._BATCH_METHOD_HANDLERS, "DELETE", answer)
        return "storage.objects.delete"

    with contextlib.closing(storages()) as opened:
        yield Store("gs", opened, "gs://bucket", put, held, refuse, bucket, in_pages(monkeypatch))
    emulator.wipe()
    client.close()


@contextlib.contextmanager
def azure(host: str, monkeypatch: Any) -> Iterator[Store]:
    account = {"account_name": ACCOUNT, "account_key": KEY}
    container = ContainerClient(f"http://{host}", "box", credential=account)
    container.create_container()

    def put(paths: Iterable[str]) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda path: container.upload_blob(path, b"content"), paths))

    def refuse(path: str) -> str:
        container.get_blob_client(path).acquire_lease()
        return "LeaseIdMissing"

    root = f"azure://{host}/box"
    with contextlib.closing(storages(sdk={"azure": {"storage": {"containers": [account]}}})) as opened:

        def fail(pages: int) -> None:
            client: Any = opened._storage(root)
            owner, error = client._client._client.container, HttpResponseError("AuthorizationPermissionMismatch")
            failing(monkeypatch, owner, "list_blob_flat_segment", error)(pages)

        yield Store("azure", opened, root, put, lambda: {*container.list_blob_names()}, refuse, container, fail)
    container.delete_container()
    container.close()


def failing(monkeypatch: Any, owner: Any, name: str, error: Exception) -> Callable[[int], None]:
    """Return what makes ``owner.name`` raise ``error`` after so many calls."""
    real = getattr(owner, name)

    def fail(calls: int) -> None:
        left = iter([True] * calls)

        def instead(*args: Any, **more: Any) -> Any:
            if not next(left, False):
                raise error
            return real(*args, **more)

        monkeypatch.setattr(owner, name, instead)

    return fail


def in_pages(monkeypatch: Any) -> Callable[[int], None]:
    """Let Google's emulator list in pages, as the real one does, and return what makes it refuse after so many."""
    left = [1_000_000]

    def ls(request: Any, response: Any, storage: Any, *args: Any, **more: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            response.status = HTTPStatus.FORBIDDEN
            response.json({"error": {"code": 403, "message": "does not have storage.objects.list access"}})
            return
        start = int(request.query.get("pageToken", ["0"])[0])
        files, _ = storage.get_file_list(request.params["bucket_name"], request.query.get("prefix", [None])[0])
        more_to_come = {"nextPageToken": str(start + 1000)} if len(files) > start + 1000 else {}
        response.json({"kind": "storage#objects", "items": files[start : start + 1000], **more_to_come})

    for _, handlers in server.HANDLERS:
        if handlers.get("GET") is objects.ls:
            monkeypatch.setitem(handlers, "GET", ls)
    return lambda pages: left.__setitem__(0, pages)
