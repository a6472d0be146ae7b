"""The storages of the tests behind one face: each on its real implementation, filled and looked at past the package."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient
from gcp_storage_emulator import server
from gcp_storage_emulator.handlers import objects
from moto.backends import get_backend
from moto.s3.exceptions import S3AccessDeniedError

from cleanup.sandbox import Sandbox
from cleanup.storage import LOCAL, Location, SdkConfig, Storages
from tests.storage.support import session_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from google.cloud import storage as google_storage

KEYS = {"key": "access-key-id", "secret": "very-secret"}
# Azurite's account and key are public and the same everywhere.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class Store:
    """One storage: ``prefix`` begins its addresses, ``top`` the paths of its locations.

    ``fail`` is called with a number: so many pages of listings are still answered, the next is refused.
    """

    name: str
    storages: Storages
    root: str
    prefix: str
    put: Callable[[Iterable[str]], None]
    held: Callable[[], set[str]]
    fail: Callable[[int], None] = lambda pages: None
    top: str = ""
    has: Any = None
    moto: Any = None

    def at(self, path: str) -> Location:
        return Location(self.root, self.top + path)

    def address(self, path: str) -> str:
        return f"{self.prefix}/{quote(path) if self.prefix.startswith('http') else path}"

    def listed(self, folder: str) -> set[str]:
        return {listed.location.path.removeprefix(self.top) for listed in self.storages.list(self.at(folder))}


@contextlib.contextmanager
def opened(sdk: dict[str, Any], file_server: str = "", token: Any = lambda _: "", **more: Any) -> Iterator[Storages]:
    storages = Storages([file_server] if file_server else [], token, sdk=SdkConfig(sdk), **{"timeout": 20.0, **more})
    yield storages
    storages.close()


@contextlib.contextmanager
def file_server(**settings: Any) -> Iterator[Store]:
    with Sandbox(**settings) as sandbox, opened({}, sandbox.files_url, session_of(sandbox)) as storages:

        def put(paths: Iterable[str]) -> None:
            for path in paths:
                sandbox.put_file(path, b"content")

        url = sandbox.files_url
        yield Store("file server", storages, url, url, put, sandbox.files, has=sandbox)


@contextlib.contextmanager
def s3(host: str, monkeypatch: Any, *, minio: bool) -> Iterator[Store]:
    """Moto's server: as Amazon's, found by the bucket alone, or as a MinIO, by the host in front of it."""
    if minio:
        section: dict[str, Any] = {"credentials": [{"host": host, "secure": False, **KEYS}]}
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}")
        section = {"region": "us-east-1", **KEYS}
    root = f"s3://{host}/bucket" if minio else "s3://bucket"
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}", **keys)
    client.create_bucket(Bucket="bucket")
    moto = get_backend("s3")["123456789012"]["aws"]

    def put(paths: Iterable[str]) -> None:
        for path in paths:  # in this process: thousands of uploads take long
            moto.put_object("bucket", path, b"content")

    def held() -> set[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket")
        return {entry["Key"] for page in pages for entry in page.get("Contents", [])}

    with opened({"aws": {"s3": section}}) as storages:
        fail = failing(monkeypatch, moto, "list_objects_v2", S3AccessDeniedError())
        yield Store("minio" if minio else "s3", storages, root, root, put, held, fail, has=client, moto=moto)
    monkeypatch.undo()
    moto.reset()
    client.close()


@contextlib.contextmanager
def google(emulator: Any, monkeypatch: Any) -> Iterator[Store]:
    emulator.wipe()
    client = google_storage.Client(project="p")
    bucket = client.create_bucket("bucket")
    fail = in_pages(monkeypatch)

    def put(paths: Iterable[str]) -> None:
        for path in paths:
            bucket.blob(path).upload_from_string(b"content")

    def held() -> set[str]:
        return {blob.name for blob in bucket.list_blobs()}

    with opened({}) as storages:
        yield Store("gs", storages, "gs://bucket", "gs://bucket", put, held, fail, has=bucket)
    monkeypatch.undo()
    emulator.wipe()
    client.close()


@contextlib.contextmanager
def azure(host: str, monkeypatch: Any) -> Iterator[Store]:
    container = ContainerClient(f"https://{host}", "box", credential={"account_name": ACCOUNT, "account_key": KEY})
    container.create_container()

    def put(paths: Iterable[str]) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda path: container.upload_blob(path, b"content"), paths))

    sdk = {"azure": {"storage": {"containers": [{"account_name": ACCOUNT, "account_key": KEY}]}}}
    with opened(sdk) as storages:
        root = f"azure://{host}/box"

        def fail(pages: int) -> None:
            client: Any = storages._storage(root)
            failing(
                monkeypatch,
                client._client._client.container,
                "list_blob_flat_segment",
                HttpResponseError("AuthorizationPermissionMismatch"),
            )(pages)

        yield Store("azure", storages, root, root, put, lambda: set(container.list_blob_names()), fail, has=container)
    monkeypatch.undo()
    container.delete_container()
    container.close()


@contextlib.contextmanager
def disks(folder: Path, monkeypatch: Any) -> Iterator[Store]:
    def put(paths: Iterable[str]) -> None:
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(b"content")

    def held() -> set[str]:
        found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        return {str(path.relative_to(folder)) for path in found}

    with opened({}) as storages:
        fail = failing(monkeypatch, os, "scandir", PermissionError(13, "Permission denied"))
        yield Store("disks", storages, LOCAL, f"file://{folder}", put, held, fail, f"{folder}/", has=folder)


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
