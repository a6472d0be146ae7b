"""What the SDK's configuration says about storages: buckets, credentials, path substitution, certificates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cleanup.storage.base import Unavailable

_HOSTED_FILES = "https://files.clear.ml"


_BUCKETS = {
    "s3": ("aws.s3", "S3BucketConfigurations"),
    "gs": ("google.storage", "GSBucketConfigurations"),
    "azure": ("azure.storage", "AzureContainerConfigurations"),
}


@dataclass(frozen=True)
class SdkConfig:
    """The sections of clearml.conf that decide about storages, read by the SDK's own classes.

    ``sdk`` is the ``sdk`` section as a plain mapping, ``verify`` the SDK's setting for the certificates of the
    ClearML servers: False, True or a path, ``by_agent`` whether an agent runs this.
    """

    sdk: Mapping[str, Any] = field(default_factory=dict)
    verify: bool | str = True
    by_agent: bool = False
    _read: dict[str, Any] = field(default_factory=dict)

    def buckets(self, scheme: str) -> Any:
        """Return the SDK's own view of the buckets of ``s3``, ``gs`` or ``azure``, with its defaults and environment.

        Raises Unavailable if the SDK cannot read its section.
        """
        section, kind = _BUCKETS[scheme]
        if scheme not in self._read:
            from clearml.backend_config import bucket_config  # noqa: PLC0415 - the SDK reads its files when imported

            try:
                self._read[scheme] = getattr(bucket_config, kind).from_config(_get(self.sdk, section, {}))
            except Exception as error:
                reason = f"sdk.{section} in clearml.conf cannot be read: {type(error).__name__}"
                raise Unavailable(reason) from None
        return self._read[scheme]

    @property
    def boto3(self) -> Mapping[str, Any]:
        """The section ``sdk.aws.boto3``."""
        return dict(_get(self.sdk, "aws.boto3", {}))

    def missing(self, package: str, root: str) -> Unavailable:
        """Return the error for a storage whose client is not installed: what to do depends on who can do it."""
        if self.by_agent:
            cure = f"add {package} to EXECUTION > PYTHON PACKAGES of the task, or enqueue it from a machine that has it"
        else:
            cure = f"pip install {package}"
        return Unavailable(f"{package}, which {root} needs, is missing: {cure}")

    def substituted(self, address: str) -> str:
        """Return ``address`` with the first fitting rule applied, as the SDK's StorageHelper does before all else.

        As in the SDK, rules that lack a prefix or set both flags do not count.
        """
        for rule in _get(self.sdk, "storage.path_substitution", ()):
            given = rule if isinstance(rule, Mapping) else {}
            registered, local = given.get("registered_prefix"), given.get("local_prefix")
            windows, linux = bool(given.get("replace_windows_sep")), bool(given.get("replace_linux_sep"))
            if registered is None or local is None or (windows and linux) or not address.startswith(str(registered)):
                continue
            rest = address[len(str(registered)) :]
            if windows or linux:
                rest = rest.replace("\\" if windows else "/", os.sep)
            return f"{local}{rest}"
        return address


def load() -> SdkConfig:
    """Return what the SDK has loaded: clearml.conf, its environment variables and the agent's overrides."""
    from clearml.backend_api.utils import get_http_session_with_retry  # noqa: PLC0415 - the SDK reads its files now
    from clearml.config import config, config_obj, running_remotely  # noqa: PLC0415

    def section(key: str) -> Any:
        return _plain(config.get(key, None) or {})

    keys = ("storage.path_substitution", "aws.s3", "aws.boto3", "google.storage", "azure.storage")
    verify = get_http_session_with_retry(config=config_obj).verify
    return SdkConfig({key: section(key) for key in keys}, True if verify is None else verify, running_remotely())


def known_file_servers() -> list[str]:
    """Return the base URLs that the SDK takes for ClearML file servers, the configured one first.

    Beside ``api.files_server`` these are ``sdk.storage.http.legacy_fileservers`` and, for the hosted service alone,
    the SDK's own list of its former names: another server's token has no business there.
    """
    from clearml.backend_api import Session  # noqa: PLC0415
    from clearml.config import config  # noqa: PLC0415

    configured = str(Session.get_files_server_host()).rstrip("/")
    former = list(getattr(Session, "legacy_file_servers", None) or []) if configured == _HOSTED_FILES else []
    own = list(config.get("storage.http.legacy_fileservers", None) or [])
    return list(dict.fromkeys(str(url).rstrip("/") for url in [configured, *own, *former] if url))


def _plain(tree: Any) -> Any:
    """Return a configuration tree as plain dicts: its own ``get`` raises where a key is missing."""
    if isinstance(tree, Mapping):
        return {str(key): _plain(value) for key, value in tree.items()}
    return [_plain(item) for item in tree] if isinstance(tree, list) else tree


def _get(tree: Mapping[str, Any], key: str, default: Mapping[str, Any] | Sequence[Any]) -> Any:
    """Return the value at a dotted key of nested mappings, or where the whole key is one entry."""
    if key in tree:
        return tree[key]
    here: Any = tree
    for part in key.split("."):
        if not isinstance(here, Mapping) or part not in here:
            return default
        here = here[part]
    return here if here is not None else default
