"""Azure Blob Storage: batches of 256 deletions, listings of 1,000."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from email.parser import BytesParser
from typing import Any

from cleanup.storage.base import DELETED, GONE, Answer, Answers, Failure, Listed, Location, Storage, Unavailable, failed
from cleanup.storage.sdk import SdkConfig

_PAGE = 1000
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_STATUS = re.compile(rb"HTTP/\S+ (\d{3})([^\r\n]*)")
_CODE = re.compile(rb"(?im)^x-ms-error-code:\s*(\S+)")
_WHERE = "see sdk.azure.storage.containers in clearml.conf"


class Container(Storage):
    """One container.

    A blob with snapshots or a lease is not deleted: FAILED with Azure's reason, as the SDK's own deletion would.
    With soft delete or versioning on the account, Azure keeps what was deleted for as long as the account says. The
    client library repeats what fails as a whole.
    ``replies.last`` is the last reply that the client got in the current thread.
    """

    most = 256

    def __init__(self, root: str, client: Any, replies: threading.local, secrets: Sequence[str]) -> None:
        self._root, self._client, self._replies, self.secrets = root, client, replies, tuple(secrets)

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """List the blobs below ``folder``, without the folders that accounts with a hierarchy list among them."""
        found = self._client.list_blobs(
            name_starts_with=f"{folder}/" if folder else "", include=["metadata"], results_per_page=_PAGE
        )
        for page in found.by_page():
            yield [
                Listed(Location(self._root, blob.name), blob.size, blob.last_modified)
                for blob in page
                if (blob.metadata or {}).get("hdi_isfolder") != "true"
            ]

    def check(self) -> None:
        """Ask for the container's properties."""
        self._client.get_container_properties()

    def close(self) -> None:
        self._client.close()

    def delete(self, paths: Sequence[str]) -> Answers:
        self._client.delete_blobs(*paths, raise_on_any_failure=False)
        try:
            parts = _parts(self._replies.last)
        except Exception as error:
            raise Failure(f"an answer that cannot be read: {type(error).__name__}") from None
        return {name: _answer(*parts[place]) for place, name in enumerate(paths) if place in parts}

    def reason(self, error: Exception) -> tuple[str, int | None]:
        code, status = getattr(error, "error_code", None), getattr(error, "status_code", None) or 0
        message = str(getattr(error, "message", "") or error).partition("\n")[0]
        hint = f"; {_WHERE}" if status in {401, 403, 404} else ""
        return f"{getattr(code, 'value', code) or type(error).__name__}: {message[:180]}{hint}", status


def open_container(root: str, sdk: SdkConfig, timeout: float) -> Container:
    """Open ``azure://<host>/<container>`` at ``https://<host>`` with the SDK's credentials for its account.

    The account is the first part of the host, and TLS is always used: both as in the SDK. Raises Unavailable
    if azure-storage-blob or credentials are missing.
    """
    try:
        from azure.storage.blob import ContainerClient, ExponentialRetry  # noqa: PLC0415 - an extra
    except ImportError:
        raise sdk.missing("azure-storage-blob", root) from None
    host, _, container = root.partition("://")[2].partition("/")
    found = sdk.buckets("azure").get_config_by_uri(f"{root}/")
    if not found or not (found.account_key or getattr(found, "use_default_credential", False)):
        raise Unavailable(
            f"no credentials for {root}: add the account {host.partition('.')[0]} to sdk.azure.storage.containers "
            "(account_name, account_key), or set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY"
        )
    secrets = (found.account_key or "",)
    credential = _credential(found, root, sdk)
    replies = threading.local()
    try:
        client = ContainerClient(
            account_url=f"https://{host}",
            container_name=container,
            credential=credential,
            retry_policy=ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=3, random_jitter_range=1),
            connection_timeout=min(10.0, timeout),
            read_timeout=timeout,
            # Handed over with a request, it is forgotten when the library repeats that after a broken connection.
            raw_response_hook=lambda reply: setattr(replies, "last", reply.http_response),
        )
    except Exception as error:
        raise Unavailable(failed(f"{root}: {type(error).__name__}: {error}; {_WHERE}", *secrets).error) from None
    return Container(root, client, replies, secrets)


def _credential(found: Any, root: str, sdk: SdkConfig) -> Any:
    if not getattr(found, "use_default_credential", False):
        return {"account_name": found.account_name, "account_key": found.account_key}
    try:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - asked for by the configuration only
    except ImportError:
        raise sdk.missing("azure-identity", root) from None
    return DefaultAzureCredential()


def _parts(reply: Any) -> dict[int, tuple[int, str]]:
    """Return status and reason of every part of a batch's answer by the number of its request.

    The client library pairs parts and requests by their order; the number that each part carries is surer.
    """
    head = b"Content-Type: " + str(reply.headers["Content-Type"]).encode("ascii") + b"\r\n\r\n"
    message = BytesParser().parsebytes(head + reply.body())
    found: dict[int, tuple[int, str]] = {}
    for place, part in enumerate(message.get_payload()):
        body = part.get_payload(decode=True)
        status = _STATUS.search(body)
        if status:
            number = str(part.get("Content-ID", "")).strip("<> ")
            code = _CODE.search(body)
            reason = (code[1] if code else status[2]).decode(errors="replace").strip()
            found[int(number) if number.isdigit() else place] = (int(status[1]), reason)
    return found


def _answer(status: int, reason: str) -> Answer | Failure:
    if 200 <= status < 300:
        return DELETED
    if status == 404:
        return failed(f"{status}: {reason}; {_WHERE}") if reason == "ContainerNotFound" else GONE
    return Failure(f"{status}: {reason}") if status in _BUSY else failed(f"{status}: {reason}")
