"""Every ClearML call that the cleanup makes, over APIClient: no other package of the project knows the API."""

from __future__ import annotations

import pkgutil
import re
from functools import partial
from pathlib import Path

from clearml import StorageManager
from clearml.backend_api import services
from clearml.backend_api.session import Session
from clearml.backend_api.session.client import APIClient

from cleanup.base.errors import ServerError
from cleanup.base.http import Network
from cleanup.base.text import without_secrets
from cleanup.server import deletion, events
from cleanup.server.deletion import Deletion
from cleanup.server.models import Models
from cleanup.server.session import CleanupSession
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

    ``delete`` takes at most ``deleted_at_once`` tasks. Everything raises ServerUnreachable, CredentialsError or
    ServerError where the server gives no usable answer.
    """

    def __init__(self, network: Network | None = None) -> None:
        self.network = network or Network()
        self.session = CleanupSession(self.network)
        self.client = APIClient(session=self.session, api_version=_newest_common_version())
        self.tasks = Tasks(self.client)
        self.models = Models(self.client)
        self.survey = Survey(self.client)
        self.tasks_with_events = partial(events.tasks_with, self.client)
        self.event_addresses = partial(events.addresses, self.client)
        self.delete = partial(deletion.delete_tasks, self.client)
        self.deleted_at_once = deletion.at_once()
        self.away, self.close = self.session.away, self.session.close

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


def _newest_common_version() -> str:
    """Return the newest API version that the SDK has request classes for and the server understands.

    APIClient finds it by itself, but fails on a server that lacks one of the services that the SDK knows.
    """
    known = (re.fullmatch(r"v(\d+)_(\d+)", module.name) for module in pkgutil.iter_modules(services.__path__))
    oldest, *newer = sorted((int(found[1]), int(found[2])) for found in known if found)
    understood = [pair for pair in newer if CleanupSession.understands("{}.{}".format(*pair))]
    return "{}.{}".format(*[oldest, *understood][-1])
