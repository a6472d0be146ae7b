"""The sandbox itself: servers, credentials and a folder for files, for as long as a `with` block lasts."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from cleanup.sandbox.api import NEWEST, make_api
from cleanup.sandbox.auth import Authority
from cleanup.sandbox.calls.about import NAME, SERVER_VERSION
from cleanup.sandbox.fileserver import make_fileserver
from cleanup.sandbox.http import WebServer
from cleanup.sandbox.seeding import Seeding
from cleanup.sandbox.store import Store
from cleanup.sandbox.traffic import Traffic


def _of_traffic(name: str, told: str) -> Any:
    """Return a property that is one of the traffic."""
    return property(
        lambda sandbox: getattr(sandbox.traffic, name),
        lambda sandbox, value: setattr(sandbox.traffic, name, value),
        doc=told,
    )


class Sandbox(Seeding):
    """A disposable ClearML server, empty at first, on loopback ports with credentials made for this run."""

    def __init__(
        self,
        *,
        port: int = 0,
        files_port: int = 0,
        api_version: str = NEWEST,
        token_seconds: float = 30 * 24 * 3600,
        page_cap: int = 500,
        delete_many_enabled: bool = True,
        seed: int = 0,
    ) -> None:
        self.store = Store(page_cap)
        self.traffic = Traffic(seed)
        identity = {
            "user": self.store.user,
            "company": self.store.company,
            "role": "admin",
            "user_name": NAME,
            "company_name": NAME,
        }
        self._authority = Authority(api_version, SERVER_VERSION, token_seconds, identity)
        self.access_key = self._authority.access_key
        self.secret_key = self._authority.secret_key
        self._folder = Path(tempfile.mkdtemp(prefix="clearml-sandbox-")).resolve()
        self.files_root = self._folder / "files"
        self.files_root.mkdir()
        files = make_fileserver(self.files_root, self._authority, self.traffic, delete_many_enabled)
        self._servers: list[WebServer] = []
        try:
            for app, at in ((make_api(self.store, self._authority, self.traffic), port), (files, files_port)):
                self._servers.append(WebServer(app, at))
        except OSError:
            self.stop()
            raise
        self.api_url, self.files_url = (server.url for server in self._servers)
        self.web_url = self.api_url

    def start(self) -> Sandbox:
        for server in self._servers:
            server.start()
        return self

    def stop(self) -> None:
        """Ends at once, requests that are held included, and removes the files."""
        self.traffic.stopping.set()
        for server in self._servers:
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """What points the SDK, the service or an agent here, and keeps them from looking anywhere else.

        `SANDBOX_FILES` is for people: the folder of the file server.
        """
        return {
            "CLEARML_API_HOST": self.api_url,
            "CLEARML_WEB_HOST": self.web_url,
            "CLEARML_FILES_HOST": self.files_url,
            "CLEARML_API_ACCESS_KEY": self.access_key,
            "CLEARML_API_SECRET_KEY": self.secret_key,
            "CLEARML_CONFIG_FILE": str(self._folder / "clearml.conf"),
            "SANDBOX_FILES": str(self.files_root),
            "CLEARML_CACHE_DIR": str(self._folder / "cache"),
            "CLEARML_NO_DEFAULT_SERVER": "1",
            "CLEARML_SUPPRESS_UPDATE_MESSAGE": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    @property
    def task_failures(self) -> dict[str, tuple[int, int, str]]:
        """By task id the (code, subcode, message) that deleting it answers.

        With a code of 500 and above `tasks.delete_many` breaks off there, after deleting the ids before.
        """
        return self.store.task_failures

    # Traffic

    record = _of_traffic("record", "Whether requests are kept in `log`.")
    latency = _of_traffic("latency", "Seconds added to each request.")
    on_request = _of_traffic("on_request", "Called with endpoint and body of each request before the server acts.")
    log = _of_traffic("log", "The requests in order that came while `record` was on.")
    peak_concurrency = _of_traffic("peak", "The largest number of requests in progress at once since the last reset.")
    inject = _of_traffic("inject", "Puts a Fault in the way of requests, and returns it.")
    clear_faults = _of_traffic("clear_faults", "Takes all faults away.")
    reset_requests = _of_traffic("reset", "Begins to count again.")
    at_request = _of_traffic(
        "at_request", "Calls once when the n-th request since the last reset arrives, before the server acts."
    )

    @property
    def requests(self) -> Counter[str]:
        """Requests since the last reset by endpoint: `tasks.get_all`, `files.DELETE`, `files.delete_many`..."""
        return self.traffic.counts()

    @property
    def file_requests(self) -> int:
        return sum(count for name, count in self.requests.items() if name.startswith("files."))

    @property
    def api_requests(self) -> int:
        return sum(self.requests.values()) - self.file_requests
