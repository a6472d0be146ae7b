"""The SDK's configuration is looked through before the SDK works by it, which fails at it in all kinds of ways."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cleanup.base.errors import ConfigurationError
from cleanup.base.text import address_of, without_secrets

_FILE_SERVERS = "sdk.storage.http.legacy_fileservers"

_KINDS: tuple[tuple[str, type, tuple[str, ...]], ...] = (
    ("section", Mapping, ("api", "api.credentials", "api.http", "api.http.retries", "sdk", "sdk.aws", "sdk.aws.s3")),
    ("section", Mapping, ("sdk.aws.boto3", "sdk.storage", "sdk.storage.http", "sdk.google", "sdk.google.storage")),
    ("section", Mapping, ("sdk.azure", "sdk.azure.storage", "sdk.development", "sdk.development.worker")),
    ("text", str, ("api.api_server", "api.web_server", "api.files_server", "sdk.aws.s3.key", "sdk.aws.s3.secret")),
    ("text", str, ("api.credentials.access_key", "api.credentials.secret_key", "sdk.aws.s3.region")),
    ("list", list, (_FILE_SERVERS, "sdk.storage.path_substitution", "sdk.aws.s3.credentials")),
    ("list", list, ("sdk.google.storage.credentials", "sdk.azure.storage.containers")),
)
"""What the SDK or this service takes from the configuration without a look; a section stands before what lies in it."""


def check() -> None:
    """Load the SDK's configuration and look whether it can be used.

    Raises:
        ConfigurationError: it cannot be read, a key holds another kind of thing than it must, or no address.
    """
    from clearml.backend_api import Session  # noqa: PLC0415 - the SDK may read its files when imported
    from clearml.config import config_obj  # noqa: PLC0415

    try:
        config_obj.get("api", None)
    except Exception as error:
        raise ConfigurationError(f"{_file()} cannot be read: {without_secrets(error)}") from None
    for allowed, kind, keys in _KINDS:
        for key in keys:
            value = config_obj.get(key, None)
            if value is not None and not isinstance(value, kind):
                # The value may be a secret, so only its kind is told.
                raise _wrong(key, f"holds something else ({type(value).__name__}) than a {allowed}")
    for server in config_obj.get(_FILE_SERVERS, None) or ():
        _look_at_address(str(server), _FILE_SERVERS, "")
    for name, reader in (
        ("api", Session.get_api_server_host),
        ("web", Session.get_app_server_host),
        ("files", Session.get_files_server_host),
    ):
        key, variable = f"api.{name}_server", f"CLEARML_{name.upper()}_HOST"
        try:
            address = str(reader())
        except ValueError:
            raise _wrong(key, f"is missing, and cannot be told from api.api_server: set it, or {variable}") from None
        _look_at_address(address, key, variable)


def _look_at_address(address: str, key: str, variable: str) -> None:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = without_secrets(address_of(address) if "@" in address else address, 80)
        raise _wrong(
            variable if os.environ.get(variable) else key,
            f"is {shown!r}, allowed is http(s)://host or http(s)://host:port",
        )


def _wrong(key: str, problem: str) -> ConfigurationError:
    place = "" if key.isupper() else f" in {_file()}"
    return ConfigurationError(f"Wrong configuration, nothing was deleted: {key}{place} {problem}")


def _file() -> str:
    """Return the configuration file that the SDK reads."""
    named = os.environ.get("CLEARML_CONFIG_FILE") or os.environ.get("TRAINS_CONFIG_FILE")
    own = [Path("~/clearml.conf").expanduser(), Path("~/trains.conf").expanduser()]
    return named or str(next((path for path in own if path.exists()), own[0]))
