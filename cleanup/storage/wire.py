"""HTTP to a ClearML file server, with the session's token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from cleanup.base.errors import Stopped
from cleanup.base.http import BUSY, MIB, Http, Network, Reply, Request
from cleanup.base.text import without_secrets


class Wire:
    """Sends requests to the file server at ``base``, see :class:`cleanup.base.http.Http`."""

    def __init__(self, base: str, token: Callable[[str], str], network: Network, verify: bool | str = True) -> None:
        # One that is away costs every batch of a cycle its attempts: so there are few.
        self._base, self._http = base, Http(replace(network, attempts=4), token, verify=verify, largest=64 * MIB)

    def send(self, method: str, path: str, json: Any, usable: Callable[[Reply], bool], patient: bool = True) -> Reply:
        """Return the last reply. Not ``patient``: a 500 is taken as the answer at once. Raises Stopped alone."""

        def read(reply: Reply) -> tuple[Reply, bool]:
            status = reply.status
            if status == 200 and not usable(reply):
                return Reply(error="an answer that is cut off or not a file server's"), True
            if 300 <= status < 400:
                there = urlsplit(reply.headers.get("Location", ""))
                host = f"{there.scheme}://{there.hostname}" if there.hostname else "another address"
                return replace(reply, error=f"it redirects to {host}: set api.files_server to the final address"), False
            return reply, status in {0, *BUSY} or (status == 500 and patient)

        try:
            return self._http.send(Request(method, self._base + path, json, deletes=method != "GET"), read)
        except Stopped:
            raise
        except Exception as error:
            return Reply(error=without_secrets(f"no session with the ClearML server: {error}"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
