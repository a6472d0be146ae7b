"""The SDK's configuration is looked through before the SDK works by it, which fails at it in all kinds of ways."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cleanup.base.errors import ConfigurationError
from cleanup.base.text import address_of, without_secrets

_ALLOWED: dict[str, tuple[str, type]] = {
    **dict.fromkeys(("api.api_server", "api.web_server", "api.files_server"), ("text", str)),
    **dict.fromkeys(("api.credentials.access_key", "api.credentials.secret_key"), ("text", str)),
    **dict.fromkeys(("sdk.aws.s3.key", "sdk.aws.s3.secret", "sdk.aws.s3.region"), ("text", str)),
    **dict.fromkeys(("sdk.storage.http.legacy_fileservers", "sdk.storage.path_substitution"), ("list", list)),
    **dict.fromkeys(("sdk.aws.s3.credentials", "sdk.google.storage.credentials"), ("list", list)),
    "sdk.azure.storage.containers": ("list", list),
    **dict.fromkeys(("api.http.retries", "sdk.aws.boto3", "sdk.development.worker"), ("section", Mapping)),
}
"""What the SDK or this service takes from the configuration without a look; what a key lies in is a section."""


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
    for key, (allowed, kind) in _ALLOWED.items():
        parts = key.split(".")
        for depth in range(1, len(parts)):
            _look(config_obj, ".".join(parts[:depth]), "section", Mapping)
        _look(config_obj, key, allowed, kind)
    for server in config_obj.get("sdk.storage.http.legacy_fileservers", None) or ():
        _look_at_address(str(server), "sdk.storage.http.legacy_fileservers", "")
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


def _look(config: Any, key: str, allowed: str, kind: type) -> None:
    value = config.get(key, None)
    if value is not None and not isinstance(value, kind):
        # The value may be a secret, so only its kind is told.
        raise _wrong(key, f"holds something else ({type(value).__name__}) than a {allowed}")


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
