"""Amazon S3 and what speaks its language (MinIO, Ceph): ``DeleteObjects``, 1,000 keys a request."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from cleanup.storage.base import DELETED, GONE, Answer, StorageUnavailable, chunks, failed
from cleanup.storage.bulk import Busy, Rejected, apart, patiently
from cleanup.storage.crew import Crew
from cleanup.storage.sdk import SdkConfig

_MOST_KEYS = 1000
_BUSY = frozenset({"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "503", "500"})
_NO_BULK = frozenset({"NotImplemented", "MethodNotAllowed", "MissingContentMD5", "501", "405"})
_WHERE = "see sdk.aws.s3 in clearml.conf"


class Bucket:
    """Deletes from one bucket.

    S3 answers "deleted" for a key that was not there. In a versioned bucket a delete leaves a marker and the old
    version: its lifecycle rules decide when that goes, not this service. A server that does not know
    ``DeleteObjects`` is asked key by key; that is remembered.
    """

    def __init__(
        self,
        name: str,
        client: Any,
        crew: Crew,
        secrets: Sequence[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._bucket = name.rpartition("/")[2]
        self._client, self._crew, self._secrets, self._sleep = client, crew, tuple(secrets), sleep
        self._bulk_off = False

    def delete(self, paths: Sequence[str], keep: Collection[str] = ()) -> dict[str, Answer]:
        """Delete keys exactly as given; ``keep`` changes nothing here, since there are no folders."""
        del keep
        answers: dict[str, Answer] = {}
        for part in self._crew.each(self._chunk, chunks(paths, _MOST_KEYS)):
            answers |= part
        return answers

    def remove_folders(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Answer GONE: there are no folders."""
        return dict.fromkeys(paths, GONE)

    def check(self) -> str:
        """Ask for the bucket's head, which needs ``s3:ListBucket``; deleting needs ``s3:DeleteObject``."""
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except Exception as error:
            return failed(_reason(error), *self._secrets).error
        return ""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _chunk(self, keys: Sequence[str]) -> dict[str, Answer]:
        return apart(lambda part: patiently(self._ask, part, self._sleep), keys)

    def _ask(self, keys: Sequence[str]) -> dict[str, Answer | Busy] | Rejected:
        if self._bulk_off:
            return {key: self._delete_one(key) for key in keys}
        try:
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": False}
            )
        except Exception as error:
            if _code(error) in _NO_BULK:
                self._bulk_off = True
                return self._ask(keys)
            if _status(error) == 400:
                return Rejected(self._masked(_reason(error)))
            return dict.fromkeys(keys, failed(_reason(error), *self._secrets))
        given: dict[str, Answer | Busy] = {entry["Key"]: DELETED for entry in answer.get("Deleted", ())}
        given |= {entry["Key"]: self._error(entry) for entry in answer.get("Errors", ()) if "Key" in entry}
        return {key: given[key] for key in keys if key in given}

    def _error(self, entry: dict[str, str]) -> Answer | Busy:
        code, message = entry.get("Code", ""), entry.get("Message", "")
        if code == "NoSuchKey":
            return GONE
        if code in _BUSY:
            return Busy(self._masked(f"{code}: {message}"))
        return failed(f"{code}: {message}", *self._secrets)

    def _delete_one(self, key: str) -> Answer:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except Exception as error:
            return GONE if _code(error) == "NoSuchKey" else failed(_reason(error), *self._secrets)
        return DELETED

    def _masked(self, reason: str) -> str:
        return failed(reason, *self._secrets).error


def open_bucket(root: str, sdk: SdkConfig, crew: Crew, timeout: float) -> Bucket:
    """Open the bucket ``s3://bucket`` or ``s3://host/bucket`` with the SDK's credentials for it.

    Raises StorageUnavailable if boto3 or credentials are missing.
    """
    try:
        import boto3  # noqa: PLC0415 - an extra
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise StorageUnavailable('boto3 is missing: pip install "clearml-cleanup-service[s3]"') from None
    found = sdk.s3.get_config_by_uri(f"{root}/")
    if not found.use_credentials_chain and not (found.key and found.secret):
        raise StorageUnavailable(
            "no credentials: set sdk.aws.s3.key and secret, an entry for this bucket in sdk.aws.s3.credentials, "
            "or sdk.aws.s3.use_credentials_chain: true"
        )
    secrets = (found.key, found.secret, found.token)
    options: Any = dict(sdk.boto3.get("s3") or {}) or None
    config = Config(
        connect_timeout=min(10.0, timeout),
        read_timeout=timeout,
        max_pool_connections=crew.bound,
        retries={"mode": "standard", "total_max_attempts": 4},
        signature_version=sdk.boto3.get("signature_version") or None,
        s3=options,
    )
    try:
        session = boto3.Session(profile_name=found.profile or None)
        client = session.client("s3", config=config, **_client_settings(found))
    except Exception as error:
        raise StorageUnavailable(failed(f"{_reason(error)}; {_WHERE}", *secrets).error) from None
    if found.host:
        client.meta.events.register("before-sign.s3.DeleteObjects", partial(_add_md5))
    return Bucket(root, client, crew, secrets)


def _client_settings(found: Any) -> dict[str, Any]:
    """Return what the SDK hands to boto3 for this bucket."""
    settings: dict[str, Any] = {
        "endpoint_url": f"{'https' if found.secure else 'http'}://{found.host}" if found.host else None,
        "use_ssl": bool(found.secure),
        "verify": None if found.verify is True else found.verify,
        "region_name": found.region or None,
    }
    if not found.use_credentials_chain:
        settings |= {"aws_access_key_id": found.key, "aws_secret_access_key": found.secret}
        settings |= {"aws_session_token": found.token} if found.token else {}
    return settings


def _add_md5(request: Any, **_: Any) -> None:
    """Add the checksum that older S3-compatible servers insist on; boto3 sends a newer kind only."""
    body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()


def _details(error: Exception) -> dict[str, Any]:
    answer = getattr(error, "response", None)
    return answer if isinstance(answer, dict) else {}


def _code(error: Exception) -> str:
    return str(_details(error).get("Error", {}).get("Code", ""))


def _status(error: Exception) -> int:
    return int(_details(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _reason(error: Exception) -> str:
    code, message = _code(error), str(_details(error).get("Error", {}).get("Message", ""))
    if not code:
        return f"{type(error).__name__}: {error}"
    hint = f"; {_WHERE}" if _status(error) in {301, 401, 403} or code in {"NoSuchBucket", "404"} else ""
    return f"{code}: {message}{hint}"
