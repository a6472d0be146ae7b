"""Google Cloud Storage: deletions in batches of 100."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from cleanup.storage.base import DELETED, GONE, Answer, StorageUnavailable, chunks, failed
from cleanup.storage.bulk import Busy, Rejected, apart, patiently
from cleanup.storage.crew import Crew
from cleanup.storage.sdk import SdkConfig

_MOST_OBJECTS = 100
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_NEEDED = ["storage.objects.delete"]
_WHERE = "see sdk.google.storage in clearml.conf"


class GoogleBucket:
    """Deletes from one bucket.

    Credentials are the SDK's: ``sdk.google.storage``, per bucket and folder where its ``credentials`` say so, else
    what google-auth finds. ``STORAGE_EMULATOR_HOST`` is honoured by the client library. With soft delete or object
    versioning on the bucket, Google keeps what was deleted for as long as the bucket says.
    """

    def __init__(
        self, root: str, sdk: SdkConfig, crew: Crew, timeout: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = root
        self._bucket = root.rpartition("/")[2]
        self._configurations, self._crew, self._timeout, self._sleep = sdk.gs, crew, timeout, sleep
        self._clients: dict[tuple[str, str], Any] = {}
        self._opening = threading.Lock()
        self._client_for("")

    def delete(self, paths: Sequence[str], keep: Collection[str] = ()) -> dict[str, Answer]:
        """Delete objects named exactly as given; ``keep`` changes nothing here, since there are no folders."""
        del keep
        groups: dict[int, tuple[Any, list[str]]] = {}
        answers: dict[str, Answer] = {}
        for path in paths:
            try:
                client = self._client_for(path)
            except StorageUnavailable as error:
                answers[path] = failed(error)
            else:
                groups.setdefault(id(client), (client, []))[1].append(path)
        pieces = [(client, chunk) for client, names in groups.values() for chunk in chunks(names, _MOST_OBJECTS)]
        for part in self._crew.each(lambda piece: self._chunk(*piece), pieces):
            answers |= part
        return answers

    def remove_folders(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Answer GONE: there are no folders."""
        return dict.fromkeys(paths, GONE)

    def check(self) -> str:
        """Ask whether these credentials may delete objects of the bucket."""
        try:
            bucket = self._client_for("").bucket(self._bucket)
            allowed = bucket.test_iam_permissions(_NEEDED, timeout=self._timeout, retry=None)
        except Exception as error:
            return failed(_reason(error)).error
        return "" if allowed else f"no permission storage.objects.delete; {_WHERE}"

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _chunk(self, client: Any, names: Sequence[str]) -> dict[str, Answer]:
        return apart(
            lambda part: patiently(lambda left: self._ask(client, left), part, self._sleep),
            names,
        )

    def _ask(self, client: Any, names: Sequence[str]) -> dict[str, Answer | Busy] | Rejected:
        batch = client.batch(raise_exception=False)
        bucket = client.bucket(self._bucket)
        try:
            with batch:
                for name in names:
                    bucket.blob(name).delete(timeout=self._timeout, retry=None)
        except Exception as error:
            status = getattr(error, "code", None)
            if status == 400:
                return Rejected(_reason(error))
            if status in _BUSY or isinstance(error, ConnectionError) or _broken(error):
                return Rejected(_reason(error), busy=True)
            return dict.fromkeys(names, failed(_reason(error)))
        # The library hands the parts back in the order of the requests, having checked their number.
        return {name: _answer(part) for name, part in zip(names, batch._responses, strict=True)}

    def _client_for(self, path: str) -> Any:
        """Return the client for one object: credentials can differ between folders of a bucket."""
        found = self._configurations.get_config_by_uri(f"{self.name}/{path}")
        key = (str(found.project or ""), str(found.credentials_json or ""))
        with self._opening:
            if key not in self._clients:
                self._clients[key] = _open_client(found)
            return self._clients[key]


def _open_client(found: Any) -> Any:
    try:
        from google.cloud import storage  # noqa: PLC0415 - an extra
    except ImportError:
        raise StorageUnavailable('google-cloud-storage is missing: pip install "clearml-cleanup-service[gs]"') from None
    try:
        # The project plays no part in deleting objects, but without any the client refuses to start.
        return storage.Client(project=found.project or "default", credentials=_credentials(found.credentials_json))
    except Exception as error:
        raise StorageUnavailable(
            "no credentials: set sdk.google.storage.credentials_json, an entry for this bucket in "
            f"sdk.google.storage.credentials, or GOOGLE_APPLICATION_CREDENTIALS ({type(error).__name__})"
        ) from None


def _credentials(given: str | None) -> Any:
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


def _answer(part: Any) -> Answer | Busy:
    if 200 <= part.status_code < 300:
        return DELETED
    reason = _part_reason(part)
    if part.status_code == 404:
        return failed(f"{reason}; {_WHERE}") if "bucket does not exist" in reason.lower() else GONE
    return Busy(reason) if part.status_code in _BUSY else failed(reason)


def _part_reason(part: Any) -> str:
    try:
        return f"{part.status_code}: {part.json()['error']['message']}"
    except Exception:
        return f"Google Cloud Storage answered {part.status_code}"


def _broken(error: Exception) -> bool:
    return any(kind.__name__ in {"ConnectionError", "ChunkedEncodingError"} for kind in type(error).__mro__)


def _reason(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error)
    hint = f"; {_WHERE}" if getattr(error, "code", None) in {401, 403, 404} else ""
    return f"{type(error).__name__}: {text[:200]}{hint}"
