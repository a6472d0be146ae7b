"""Every ClearML call that the cleanup makes, over APIClient: no other package of the project knows the API."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from clearml import StorageManager
from clearml.backend_api import services
from clearml.backend_api.session import Session
from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError
from cleanup.base.text import without_secrets
from cleanup.server import deletion, events
from cleanup.server.deletion import Deletion
from cleanup.server.models import Models
from cleanup.server.session import CleanupSession, Network
from cleanup.server.survey import Claim, References, Survey
from cleanup.server.tasks import LISTED, WITH_FILES, Tasks

__all__ = [
    "LISTED",
    "WITH_FILES",
    "Claim",
    "Deletion",
    "Network",
    "References",
    "Server",
    "events",
]


class Server:
    """The ClearML server as the cleanup sees it: ``tasks``, ``models``, ``survey``, events and deletion.

    Every method raises ServerUnreachable, CredentialsError or ServerError where the server gives no usable answer.
    """

    def __init__(self, network: Network | None = None) -> None:
        self.network = network or Network()
        self.session = CleanupSession(self.network)
        self.client = APIClient(session=self.session, api_version=_newest_common_version())
        self.tasks = Tasks(self.client)
        self.models = Models(self.client)
        self.survey = Survey(self.client)

    @property
    def files_server(self) -> str:
        """The base URL of the file server in the SDK's configuration."""
        return str(Session.get_files_server_host(self.session.config))

    @property
    def web_server(self) -> str:
        """The base URL of the web UI in the SDK's configuration, empty where it cannot be told."""
        try:
            return str(Session.get_app_server_host(self.session.config))
        except ValueError:
            return ""

    def download(self, address: str) -> Path:
        """Return the path of a copy of the file at ``address``, as the SDK gets it: it knows all storages.

        Raises:
            ServerError: it cannot be had.
        """
        try:
            # Not from the SDK's cache: an artifact that was uploaded again has the same address.
            found = StorageManager.get_local_copy(address, extract_archive=False, force_download=True)
        except Exception as error:
            raise ServerError(f"{without_secrets(address)} cannot be downloaded: {without_secrets(error)}") from None
        if not found:
            raise ServerError(f"{without_secrets(address)} cannot be downloaded")
        return Path(found)

    def close(self) -> None:
        """Close the connections to the server."""
        self.session.close()

    def alive(self) -> bool:
        """True if the server answers a small call, see :meth:`cleanup.server.session.CleanupSession.alive`."""
        return self.session.alive()

    def tasks_with_events(self, tasks: Sequence[str], event_type: str) -> set[str]:
        """Return those of ``tasks`` that have events of this type, see :func:`cleanup.server.events.tasks_with`."""
        return events.tasks_with(self.client, tasks, event_type)

    def event_addresses(self, task: str, event_type: str) -> Iterator[set[str]]:
        """Yield the file addresses in the events of ``task``, see :func:`cleanup.server.events.addresses`."""
        return events.addresses(self.client, task, event_type)

    @property
    def deleted_at_once(self) -> int:
        """How many tasks one call of :meth:`delete` takes."""
        return deletion.at_once()

    def delete(self, ids: Sequence[str]) -> Deletion:
        """Delete tasks whose files are gone, see :func:`cleanup.server.deletion.delete`."""
        return deletion.delete(self.client, ids)


def _newest_common_version() -> str:
    """Return the newest API version that the SDK has request classes for and the server understands.

    APIClient finds it by itself, but fails on a server that lacks one of the services that the SDK knows.
    """
    known = (re.fullmatch(r"v(\d+)_(\d+)", module.name) for module in pkgutil.iter_modules(services.__path__))
    versions = sorted((int(found[1]), int(found[2])) for found in known if found)
    fitting = [
        f"{major}.{minor}" for major, minor in versions if Session.check_min_api_server_version(f"{major}.{minor}")
    ]
    return fitting[-1] if fitting else "{}.{}".format(*versions[0])
