"""Real storages for the tests: the sandbox's file server, moto for S3, and emulators for Azure and Google."""

from __future__ import annotations

import atexit
import datetime
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.storage import stores

KINDS = ["file server", "disks", "s3", pytest.param("minio", marks=pytest.mark.slow), "gs", "azure"]

TRUSTED = os.environ.get("REQUESTS_CA_BUNDLE") or requests.certs.where()
"""The certificates that this machine trusts."""


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
    server = pytest.importorskip("moto.server")
    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"{host}:{port}"
    running.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[Any]:
    """Google Cloud Storage emulator in this process; its ``_storage`` shows what it holds."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="pip install gcp-storage-emulator")
    # It writes the list of all objects to its (in-memory) disk at every change: thousands would take minutes.
    emulator.Storage._write_config_to_file = lambda _: None
    port = free_port()
    running = emulator.create_server("127.0.0.1", port, in_memory=True)
    running.start()
    before = os.environ.get("STORAGE_EMULATOR_HOST")
    os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{port}"
    yield running
    os.environ.pop("STORAGE_EMULATOR_HOST") if before is None else os.environ.update(STORAGE_EMULATOR_HOST=before)
    running.stop()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite's blob service with TLS as host:port of its well-known account, reached by name as the SDK does."""
    program = _azurite()
    if not program:
        pytest.skip(
            "azurite-blob is neither on PATH, in node_modules/.bin nor in the folder AZURITE_BIN: npm i azurite"
        )
    folder = tmp_path_factory.mktemp("azurite")
    host, port = "devstoreaccount1.blob.localhost", free_port()
    certificate, key = _certificate(host)
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent"]
    flags = ["--skipApiVersionCheck", "--loose", "--cert", str(certificate), "--key", str(key), "--disableTelemetry"]
    running = subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    patch = pytest.MonkeyPatch()
    # Beside those that this machine trusts: other tests of the process reach package registries.
    bundle = folder / "bundle.pem"
    bundle.write_text(Path(TRUSTED).read_text() + certificate.read_text())
    patch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    resolve = socket.getaddrinfo
    patch.setattr(socket, "getaddrinfo", lambda name, *a, **k: resolve("127.0.0.1" if name == host else name, *a, **k))
    try:
        _wait_for(port, running)
        yield f"{host}:{port}"
    finally:
        patch.undo()
        running.terminate()
        running.wait(10)


@functools.cache
def _certificate(host: str) -> tuple[Path, Path]:
    """Return the one certificate of this process: of two with the same name only one would be believed."""
    folder = tempfile.mkdtemp(prefix="certificate-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return self_signed(Path(folder), host)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    """Write a certificate for ``host`` and its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return certificate_file, key_file


def _azurite() -> str | None:
    places = [os.environ.get("AZURITE_BIN"), str(Path(__file__).parents[2] / "node_modules" / ".bin")]
    found = (shutil.which("azurite-blob", path=place) for place in places if place)
    return next((program for program in found if program), None) or shutil.which("azurite-blob")


def _wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and running.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("azurite-blob did not start")
