"""The SDK's configuration is looked through before the SDK works by it, which fails at it in all kinds of ways."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cleanup.base.errors import ConfigurationError
from cleanup.base.text import address_of, without_secrets

_KINDS = {"text": str, "list": list, "section": Mapping}

_ALLOWED = {
    "api.credentials.access_key": "text",
    "api.credentials.secret_key": "text",
    "api.http.retries": "section",
    "sdk.storage.http.legacy_fileservers": "list",
    "sdk.storage.path_substitution": "list",
    "sdk.aws.s3.key": "text",
    "sdk.aws.s3.secret": "text",
    "sdk.aws.s3.region": "text",
    "sdk.aws.s3.credentials": "list",
    "sdk.aws.boto3": "section",
    "sdk.google.storage.credentials": "list",
    "sdk.azure.storage.containers": "list",
    "sdk.development.worker": "section",
}
"""What the SDK or this service takes from the configuration without a look; what a key lies in is a section."""

_SERVERS = {
    "api.api_server": ("CLEARML_API_HOST", "get_api_server_host"),
    "api.web_server": ("CLEARML_WEB_HOST", "get_app_server_host"),
    "api.files_server": ("CLEARML_FILES_HOST", "get_files_server_host"),
}


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
        raise ConfigurationError(f"{_place()} cannot be read: {without_secrets(error)}") from None
    for key in (*_SERVERS, *_ALLOWED):
        parts = key.split(".")
        for depth in range(1, len(parts)):
            _look(config_obj, ".".join(parts[:depth]), "section")
        _look(config_obj, key, _ALLOWED.get(key, "text"))
    if not all(isinstance(item, str) for item in config_obj.get("sdk.storage.http.legacy_fileservers", None) or ()):
        raise ConfigurationError(_wrong("sdk.storage.http.legacy_fileservers", "allowed is a list of texts"))
    for key, (variable, reader) in _SERVERS.items():
        _look_at_server(key, variable, getattr(Session, reader))


def _look(config: Any, key: str, allowed: str) -> None:
    value = config.get(key, None)
    if value is not None and not isinstance(value, _KINDS[allowed]):
        # The value may be a secret, so only its kind is told.
        raise ConfigurationError(_wrong(key, f"is a {type(value).__name__}, allowed is a {allowed}"))


def _look_at_server(key: str, variable: str, reader: Any) -> None:
    try:
        address = str(reader())
    except ValueError:
        raise ConfigurationError(
            _wrong(key, f"is missing, and cannot be told from api.api_server: set it, or {variable}")
        ) from None
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        where = variable if os.environ.get(variable) else key
        shown = without_secrets(address_of(address) if "@" in address else address, 80)
        raise ConfigurationError(_wrong(where, f"is {shown!r}, allowed is http(s)://host or http(s)://host:port"))


def _wrong(key: str, problem: str) -> str:
    place = "" if key.isupper() else f" in {_place()}"
    return f"Wrong configuration, nothing was deleted: {key}{place} {problem}"


def _place() -> str:
    """Return the configuration file that the SDK reads."""
    named = os.environ.get("CLEARML_CONFIG_FILE") or os.environ.get("TRAINS_CONFIG_FILE")
    own = [Path("~/clearml.conf").expanduser(), Path("~/trains.conf").expanduser()]
    return named or str(next((path for path in own if path.exists()), own[0]))
