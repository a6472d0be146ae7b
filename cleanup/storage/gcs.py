"""Google Cloud Storage: deletions in batches of 100, listings of 1,000."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from cleanup.storage.base import (
    DELETED,
    GONE,
    Answer,
    Answers,
    Failure,
    Listed,
    Location,
    Request,
    Storage,
    Unavailable,
    failed,
)
from cleanup.storage.sdk import SdkConfig

_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_BROKEN = frozenset({"ConnectionError", "ChunkedEncodingError"})
_NEEDED = ["storage.objects.delete"]
_FIELDS = "items(name,size,updated),nextPageToken"
_ASKED = re.compile(r"\A[A-Z]+ \S+: ")
"""What the library puts before Google's reason: the request that was made."""

_WHERE = "see sdk.google.storage in clearml.conf"


class GoogleBucket(Storage):
    """One bucket.

    Credentials are the SDK's: ``sdk.google.storage``, per bucket and folder where its ``credentials`` say so, else
    what google-auth finds. ``STORAGE_EMULATOR_HOST`` is honoured by the client library. With soft delete or object
    versioning on the bucket, Google keeps what was deleted for as long as the bucket says.
    """

    most = 100

    def __init__(self, root: str, sdk: SdkConfig, timeout: float) -> None:
        self._root, self._sdk, self._timeout = root, sdk, timeout
        self._bucket = root.rpartition("/")[2]
        self._clients: dict[tuple[str, str], Any] = {}
        self._opening = threading.Lock()
        self._client(self._access(""))

    def deletions(self, paths: Sequence[str]) -> list[Request]:
        """Delete objects, each with the credentials for its folder."""
        groups: dict[tuple[str, str], list[str]] = {}
        for path in paths:
            groups.setdefault(self._access(path), []).append(path)
        return [Request(part, self.delete) for names in groups.values() for part in self.parts(names)]

    def delete(self, paths: Sequence[str]) -> Answers:
        """Delete objects of one group."""
        try:
            client = self._client(self._access(paths[0]))
        except Unavailable as error:
            return dict.fromkeys(paths, failed(error))
        batch, bucket = client.batch(raise_exception=False), client.bucket(self._bucket)
        with batch:
            for name in paths:
                bucket.blob(name).delete(timeout=self._timeout, retry=None)
        # The library hands the parts back in the order of the requests, having checked their number.
        return {name: _answer(part) for name, part in zip(paths, batch._responses, strict=True)}

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """List the objects below ``folder``. The client library repeats what fails for the moment."""
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415 - an extra

        found = self._client(self._access(f"{folder}/")).list_blobs(
            self._bucket,
            prefix=f"{folder}/" if folder else "",
            fields=_FIELDS,
            timeout=self._timeout,
            retry=DEFAULT_RETRY.with_timeout(self._timeout),
        )
        for page in found.pages:
            yield [Listed(Location(self._root, blob.name), blob.size, blob.updated) for blob in page]

    def check(self) -> None:
        """Ask whether these credentials may delete objects of the bucket."""
        bucket = self._client(self._access("")).bucket(self._bucket)
        if not bucket.test_iam_permissions(_NEEDED, timeout=self._timeout, retry=None):
            raise Failure(f"no permission storage.objects.delete; {_WHERE}")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def reason(self, error: Exception) -> tuple[str, int | None]:
        text = _ASKED.sub("", str(getattr(error, "message", "") or error))
        status = getattr(error, "code", None) or 0
        hint = f"; {_WHERE}" if status in {401, 403, 404} else ""
        broken = not _BROKEN.isdisjoint(kind.__name__ for kind in type(error).__mro__)
        return f"{type(error).__name__}: {text[:200]}{hint}", 503 if broken else status

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
        raise Unavailable(
            f"no credentials for {root}: set sdk.google.storage.credentials_json, an entry for this bucket in "
            f"sdk.google.storage.credentials, or GOOGLE_APPLICATION_CREDENTIALS ({type(error).__name__})"
        ) from None


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
