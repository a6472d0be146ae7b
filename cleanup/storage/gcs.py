"""Google Cloud Storage: deletions in batches of 100, listings of 1,000."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from cleanup.base.chunks import chunks
from cleanup.storage.base import DELETED, GONE, Answer, Listed, Location, StorageUnavailable, Unlistable, failed
from cleanup.storage.request import Failure, Reply, Request, failure, no_removals
from cleanup.storage.sdk import SdkConfig

_MOST_OBJECTS = 100
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_BROKEN = frozenset({"ConnectionError", "ChunkedEncodingError"})
_NEEDED = ["storage.objects.delete"]
_FIELDS = "items(name,size,updated),nextPageToken"
_ASKED = re.compile(r"\A[A-Z]+ \S+: ")
"""What the library puts before Google's reason: the request that was made."""

_WHERE = "see sdk.google.storage in clearml.conf"


class GoogleBucket:
    """One bucket.

    Credentials are the SDK's: ``sdk.google.storage``, per bucket and folder where its ``credentials`` say so, else
    what google-auth finds. ``STORAGE_EMULATOR_HOST`` is honoured by the client library. With soft delete or object
    versioning on the bucket, Google keeps what was deleted for as long as the bucket says.
    """

    def __init__(self, root: str, sdk: SdkConfig, timeout: float) -> None:
        self._root, self._sdk, self._timeout = root, sdk, timeout
        self._bucket = root.rpartition("/")[2]
        self._clients: dict[tuple[str, str], Any] = {}
        self._opening = threading.Lock()
        self._client(self._access(""))

    def deletions(self, paths: Sequence[str]) -> list[Request]:
        """Delete objects named exactly as given, each with the credentials for its folder."""
        groups: dict[tuple[str, str], list[str]] = {}
        for path in paths:
            groups.setdefault(self._access(path), []).append(path)
        requests = []
        for access, names in groups.items():
            try:
                send = partial(self._delete, self._client(access))
            except StorageUnavailable as error:
                send = partial(_refuse, error)
            requests += [Request(part, send) for part in chunks(names, _MOST_OBJECTS)]
        return requests

    def removals(self, folders: Sequence[str]) -> list[Request]:
        return no_removals(folders)

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """List the objects below ``folder``. The client library repeats what fails for the moment."""
        try:
            from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415 - an extra

            found = self._client(self._access(f"{folder}/")).list_blobs(
                self._bucket,
                prefix=f"{folder}/",
                fields=_FIELDS,
                timeout=self._timeout,
                retry=DEFAULT_RETRY.with_timeout(self._timeout),
            )
            for page in found.pages:
                yield [Listed(Location(self._root, blob.name), blob.size, blob.updated) for blob in page]
        except Exception as error:
            raise Unlistable(failed(_reason(error)).error) from None

    def check(self) -> str:
        """Ask whether these credentials may delete objects of the bucket."""
        try:
            bucket = self._client(self._access("")).bucket(self._bucket)
            allowed = bucket.test_iam_permissions(_NEEDED, timeout=self._timeout, retry=None)
        except Exception as error:
            return failed(_reason(error)).error
        return "" if allowed else f"no permission storage.objects.delete; {_WHERE}"

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _delete(self, client: Any, names: Sequence[str]) -> Reply:
        batch = client.batch(raise_exception=False)
        bucket = client.bucket(self._bucket)
        try:
            with batch:
                for name in names:
                    bucket.blob(name).delete(timeout=self._timeout, retry=None)
        except Exception as error:
            broken = not _BROKEN.isdisjoint(kind.__name__ for kind in type(error).__mro__)
            return Failure(_reason(error)) if broken else failure(_reason(error), getattr(error, "code", None))
        # The library hands the parts back in the order of the requests, having checked their number.
        return {name: _answer(part) for name, part in zip(names, batch._responses, strict=True)}

    def _access(self, path: str) -> tuple[str, str]:
        """Return project and credentials for one object: they can differ between folders of a bucket."""
        found = self._sdk.buckets("gs").get_config_by_uri(f"{self._root}/{path}")
        return str(found.project or ""), str(found.credentials_json or "")

    def _client(self, access: tuple[str, str]) -> Any:
        with self._opening:
            if access not in self._clients:
                self._clients[access] = _open_client(*access, self._root, self._sdk)
            return self._clients[access]


def _open_client(project: str, credentials: str, root: str, sdk: SdkConfig) -> Any:
    try:
        from google.cloud import storage  # noqa: PLC0415 - an extra
    except ImportError:
        raise sdk.missing("google-cloud-storage", root) from None
    try:
        # The project plays no part in deleting objects, but without any the client refuses to start.
        return storage.Client(project=project or "default", credentials=_credentials(credentials))
    except Exception as error:
        raise StorageUnavailable(
            f"no credentials for {root}: set sdk.google.storage.credentials_json, an entry for this bucket in "
            f"sdk.google.storage.credentials, or GOOGLE_APPLICATION_CREDENTIALS ({type(error).__name__})"
        ) from None


def _refuse(error: StorageUnavailable, names: Sequence[str]) -> Reply:
    return dict.fromkeys(names, failed(error))


def _credentials(given: str) -> Any:
    """Return the credentials in a file or a JSON text, or None for what google-auth finds, as the SDK does."""
    if not given:
        return None
    from google.oauth2 import service_account  # noqa: PLC0415 - an extra

    reader: Any = service_account.Credentials
    try:
        return reader.from_service_account_file(given)
    except Exception:
        try:
            return reader.from_service_account_info(json.loads(given))
        except Exception:
            return None


def _answer(part: Any) -> Answer | Failure:
    if 200 <= part.status_code < 300:
        return DELETED
    try:
        reason = f"{part.status_code}: {part.json()['error']['message']}"
    except Exception:
        reason = f"Google Cloud Storage answered {part.status_code}"
    if part.status_code == 404:
        return failed(f"{reason}; {_WHERE}") if "bucket does not exist" in reason.lower() else GONE
    return Failure(reason) if part.status_code in _BUSY else failed(reason)


def _reason(error: Exception) -> str:
    text = _ASKED.sub("", str(getattr(error, "message", "") or error))
    hint = f"; {_WHERE}" if getattr(error, "code", None) in {401, 403, 404} else ""
    return f"{type(error).__name__}: {text[:200]}{hint}"
