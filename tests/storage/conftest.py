"""Real storages for the tests: the sandbox's file server, moto for S3, and emulators for Azure and Google."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage import blob
from gcp_storage_emulator.server import Storage, create_server
from moto.server import ThreadedMotoServer

from tests.storage import stores

KINDS = ["file server", "disks", "s3", pytest.param("minio", marks=pytest.mark.slow), "gs", "azure"]


@pytest.fixture(params=KINDS)
def store(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[stores.Store]:
    """Every storage in turn."""
    yield from opened_store(request, tmp_path, monkeypatch)


@pytest.fixture(params=KINDS[1:])
def listing(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[stores.Store]:
    """Every storage that can be listed in turn."""
    yield from opened_store(request, tmp_path, monkeypatch)


def opened_store(request: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[stores.Store]:
    kind = request.param
    if kind == "file server":
        opened = stores.file_server()
    elif kind == "disks":
        opened = stores.disks(folder, monkeypatch)
    elif kind == "gs":
        opened = stores.google(request.getfixturevalue("gcs_server"), monkeypatch)
    elif kind == "azure":
        opened = stores.azure(request.getfixturevalue("azurite"), monkeypatch)
    else:
        opened = stores.s3(request.getfixturevalue("s3_server"), monkeypatch, minio=kind == "minio")
    with opened as store:
        yield store


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Moto's server as host:port."""
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"{host}:{port}"
    running.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[Any]:
    """Google Cloud Storage emulator in this process."""
    port = free_port()
    running = create_server("127.0.0.1", port, in_memory=True)
    with pytest.MonkeyPatch.context() as patch:
        # It writes the list of all objects to its (in-memory) disk at every change: thousands would take minutes.
        patch.setattr(Storage, "_write_config_to_file", lambda _: None)
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite's blob service as host:port of its well-known account, reached by name as the SDK does.

    It is spoken to without TLS: no certificate of its own would be believed.
    """
    places = [os.environ.get("AZURITE_BIN"), Path(__file__).parents[2] / "node_modules" / ".bin", *os.get_exec_path()]
    program = shutil.which("azurite-blob", path=os.pathsep.join(str(place) for place in places if place))
    if not program:
        pytest.skip(
            "azurite-blob is neither on PATH, in node_modules/.bin nor in the folder AZURITE_BIN: npm i azurite"
        )
    folder, host, port = tmp_path_factory.mktemp("azurite"), "devstoreaccount1.blob.localhost", free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent"]
    flags = ["--skipApiVersionCheck", "--loose", "--disableTelemetry"]
    running = subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    resolve = socket.getaddrinfo

    def resolved(name: Any, *args: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if name == host else name, *args, **more)

    def without_tls(account_url: str, **more: Any) -> Any:
        assert account_url.startswith("https://")
        return stores.ContainerClient(account_url.replace("https", "http", 1), **more)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", resolved)
            patch.setattr(blob, "ContainerClient", without_tls)
            wait_for(port, running)
            yield f"{host}:{port}"
    finally:
        running.terminate()
        running.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and running.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("azurite-blob did not start")
