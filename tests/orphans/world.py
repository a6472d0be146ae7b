"""A world of living and deleted tasks on one storage, and the two steps on it."""

from __future__ import annotations

import os
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

from cleanup.cycle.result import CycleResult
from cleanup.orphans.__main__ import parse
from cleanup.orphans.run import Steps
from cleanup.sandbox import Sandbox
from cleanup.server import Network, Server
from tests.storage.stores import Store

PROJECT = "team/vision"


class OrphanWorld:
    """``orphans`` are the files that may go, by task; all others have a reason to stay. ``one`` is such a task."""

    def __init__(self, sandbox: Sandbox, store: Store, manifest: Path) -> None:
        """Make every kind of folder."""
        self.sandbox, self.store, self.manifest = sandbox, store, manifest
        self.orphans: dict[str, list[str]] = {}
        alive = self.living("alive")
        self.living("archived", archived=True)
        self.living("hidden", system_tags=["hidden"])
        self.living("public", public=True)
        self.one = self.gone(f"{PROJECT}/old run")
        self.gone(f"{PROJECT}/lr%3A0.1 é+ß 100%25")
        self.gone("no project")
        held = self.gone(f"{PROJECT}/held", orphan=False)
        # One file by a model in another spelling, the other by another task's artifact under another host.
        address = f"{PROJECT}/held.{held}/models/epoch 1.bin"
        sandbox.add_model(None, "kept", uri=f"http://former-host:8081/{quote(quote(address))}", published=True)
        link = f"s3://mirror/{PROJECT}/held.{held.upper()}/artifacts/data/data.csv?v=1"
        sandbox.add_artifact(alive, "link", uri=link)
        half = self.gone(f"{PROJECT}/half held")
        sandbox.add_model(None, "draft", uri=f"{store.prefix}/{self.orphans[half].pop()}")
        parent = self.gone(f"{PROJECT}/parent version", orphan=False)
        version = sandbox.add_dataset("version")
        struct = {"0": {"job_id": version, "parents": ["1"]}, "1": {"job_id": parent}}
        sandbox.configure(version, "Dataset Struct", struct)
        # A project with a long name has a folder that ends in an id as well.
        long = f"a long name.{uuid.uuid4().hex}"
        self.gone(f"{long}/old")
        self.put(f"{long}/new.{sandbox.add_task('new', PROJECT)}")
        # One in the other: a task may upload to another one's folder.
        outer = self.gone(f"{PROJECT}/outer", orphan=False)
        self.put(f"{PROJECT}/outer.{outer}/inner.{sandbox.add_task('inner', PROJECT)}")
        self.gone(f"{PROJECT}/alive.{alive}/sub", orphan=False)
        around = self.gone(f"{PROJECT}/around")
        self.nested = around, self.gone(f"{PROJECT}/around.{around}/inside")
        # An offline run is imported under another id, and no task's id has capitals or 31 digits.
        some = uuid.uuid4().hex
        no_folders = [f"run.offline-{some}", f"run.{some[1:]}", f"run.A{some[1:].upper()}", some]
        store.put(["team/readme.txt", *(f"{PROJECT}/{folder}/artifacts/x" for folder in no_folders)])
        if store.name in ("disks", "minio"):
            self.renew(self.put(f"{PROJECT}/half uploaded.{uuid.uuid4().hex}")[0])

    def living(self, name: str, **fields: object) -> str:
        """Add a task with two files."""
        task = self.sandbox.add_task(name, PROJECT, **fields)
        self.put(f"{PROJECT}/{name}.{task}")
        return task

    def gone(self, folder: str, *, orphan: bool = True) -> str:
        """Add the two files of a task that is gone; ``folder`` is its folder but for the id."""
        task = uuid.uuid4().hex
        paths = self.put(f"{folder}.{task}")
        if orphan:
            self.orphans[task] = paths
        return task

    def put(self, folder: str) -> list[str]:
        paths = [f"{folder}/artifacts/data/data.csv", f"{folder}/models/epoch 1.bin"]
        self.store.put(paths)
        return paths

    def renew(self, path: str) -> None:
        """Let a file be of tomorrow."""
        tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
        if self.store.name == "disks":
            os.utime(self.store.has / path, (tomorrow.timestamp(),) * 2)
        else:
            self.store.has.get_object("bucket", path).last_modified = tomorrow.replace(tzinfo=None)

    @property
    def file(self) -> Path:
        """A file of ``one``, on a disk."""
        return Path(self.store.has / self.orphans[self.one][0])

    @property
    def going(self) -> set[str]:
        return {path for paths in self.orphans.values() for path in paths}

    def find(self, *flags: str, older_than_days: str = "0", at: str = "") -> CycleResult:
        """Write the manifest."""
        flags = ("--older-than-days", older_than_days, "--output", str(self.manifest), *flags)
        return self._step("find", at or self.store.prefix, *flags)

    def delete(self) -> CycleResult:
        """Delete what it lists."""
        return self._step("delete", "--delete", str(self.manifest))

    def _step(self, name: str, *arguments: str) -> CycleResult:
        server = Server(Network(attempts=2, backoff=0.0))
        steps = Steps(server, self.store.storages, parse(arguments))
        try:
            getattr(steps, name)()
        finally:
            server.close()
        return steps.result
