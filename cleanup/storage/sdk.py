"""What the SDK's configuration says about storages: buckets, credentials, path substitution, certificates."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cleanup.storage.base import StorageUnavailable

_HOSTED_FILES = "https://files.clear.ml"


@dataclass(frozen=True, slots=True)
class Substitution:
    """One rule of ``sdk.storage.path_substitution``: a registered prefix and what stands in its place here."""

    registered: str
    local: str
    separator: str = ""
    """Replaced by this system's separator in what follows the prefix; "" for none."""


@dataclass(frozen=True)
class SdkConfig:
    """The sections of clearml.conf that decide about storages, read by the SDK's own classes.

    ``sdk`` is the ``sdk`` section as a plain mapping, ``verify`` the SDK's setting for the certificates of the
    ClearML servers: False, True or a path, ``by_agent`` whether an agent runs this. A section that the SDK's classes
    cannot read raises StorageUnavailable where it is used, not here.
    """

    sdk: Mapping[str, Any] = field(default_factory=dict)
    verify: bool | str = True
    by_agent: bool = False

    @cached_property
    def substitutions(self) -> tuple[Substitution, ...]:
        """The rules of path substitution. As in the SDK, rules that lack a prefix or set both flags do not count."""
        return tuple(rule for rule in map(_rule, _get(self.sdk, "storage.path_substitution", ())) if rule)

    @cached_property
    def s3(self) -> Any:
        """The SDK's S3BucketConfigurations: per bucket, per host, defaults, and the AWS_* environment."""
        return self._read("sdk.aws.s3", "S3BucketConfigurations", _get(self.sdk, "aws.s3", {}))

    @cached_property
    def gs(self) -> Any:
        """The SDK's GSBucketConfigurations: per bucket and folder, defaults, GOOGLE_APPLICATION_CREDENTIALS."""
        return self._read("sdk.google.storage", "GSBucketConfigurations", _get(self.sdk, "google.storage", {}))

    @cached_property
    def azure(self) -> Any:
        """The SDK's AzureContainerConfigurations: per account and container, and AZURE_STORAGE_ACCOUNT/_KEY."""
        return self._read("sdk.azure.storage", "AzureContainerConfigurations", _get(self.sdk, "azure.storage", {}))

    @property
    def boto3(self) -> Mapping[str, Any]:
        """The section ``sdk.aws.boto3``."""
        return dict(_get(self.sdk, "aws.boto3", {}))

    def missing(self, package: str, root: str) -> StorageUnavailable:
        """Return the error for a storage whose client is not installed: what to do depends on who can do it."""
        if self.by_agent:
            cure = f"add {package} to EXECUTION > PYTHON PACKAGES of the task, or enqueue it from a machine that has it"
        else:
            cure = f"pip install {package}"
        return StorageUnavailable(f"{package}, which {root} needs, is missing: {cure}")

    def substituted(self, address: str) -> str:
        """Return ``address`` with the first fitting rule applied, as the SDK's StorageHelper does before all else."""
        for rule in self.substitutions:
            if address.startswith(rule.registered):
                rest = address[len(rule.registered) :]
                return rule.local + (rest.replace(rule.separator, os.sep) if rule.separator else rest)
        return address

    @staticmethod
    def _read(section: str, kind: str, tree: Any) -> Any:
        from clearml.backend_config import bucket_config  # noqa: PLC0415 - the SDK reads its files when imported

        reader: Callable[[Any], Any] = getattr(bucket_config, kind).from_config
        try:
            return reader(tree)
        except Exception as error:
            raise StorageUnavailable(f"{section} in clearml.conf cannot be read: {type(error).__name__}") from None


def load() -> SdkConfig:
    """Return what the SDK has loaded: clearml.conf, its environment variables and the agent's overrides."""
    from clearml.config import config, config_obj, running_remotely  # noqa: PLC0415 - the SDK reads its files now

    def section(key: str) -> Any:
        return _plain(config.get(key, None) or {})

    keys = ("storage.path_substitution", "aws.s3", "aws.boto3", "google.storage", "azure.storage")
    return SdkConfig({key: section(key) for key in keys}, _verify(config_obj), running_remotely())


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


def _rule(entry: Any) -> Substitution | None:
    if not isinstance(entry, Mapping):
        return None
    registered, local = entry.get("registered_prefix"), entry.get("local_prefix")
    windows, linux = bool(entry.get("replace_windows_sep")), bool(entry.get("replace_linux_sep"))
    if registered is None or local is None or (windows and linux):
        return None
    return Substitution(str(registered), str(local), "\\" if windows else "/" if linux else "")


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


def _verify(config: Any) -> bool | str:
    from clearml.backend_api.session.defs import ENV_HOST_VERIFY_CERT  # noqa: PLC0415

    value = ENV_HOST_VERIFY_CERT.get(default=config.get("api.verify_certificate", True))
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    if word in {"1", "true", "yes", "on", "y", "t"}:
        return True
    return False if word in {"0", "false", "no", "off", "n", "f", ""} else value
