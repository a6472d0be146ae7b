"""Amazon S3 and what speaks its language (MinIO, Ceph): deletions and listings of 1,000 keys a request."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from cleanup.storage.base import (
    DELETED,
    GONE,
    Answer,
    Answers,
    Failure,
    Listed,
    Location,
    Storage,
    Then,
    Unavailable,
    Unlistable,
    failed,
)
from cleanup.storage.sdk import SdkConfig

_BUSY = frozenset({"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "503", "500"})
_NO_BULK = frozenset({"NotImplemented", "MethodNotAllowed", "MissingContentMD5", "501", "405"})
_WHERE = "see sdk.aws.s3 in clearml.conf"


class Bucket(Storage):
    """One bucket.

    S3 answers "deleted" for a key that was not there. In a versioned bucket a delete leaves a marker and the old
    version: its lifecycle rules decide when that goes, not this service. A server that does not know
    ``DeleteObjects`` is asked key by key; that is remembered. boto3 repeats what fails as a whole.
    """

    def __init__(self, root: str, client: Any, secrets: Sequence[str] = ()) -> None:
        self._root, self._client, self.secrets = root, client, tuple(secrets)
        self._bucket = root.rpartition("/")[2]
        self._bulk_off = False

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """List the keys below ``folder``; markers of folders (keys that end in "/") are among them."""
        more: dict[str, str] = {}
        while True:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=f"{folder}/" if folder else "", **more)
            goes_on, token = page.get("IsTruncated"), page.get("NextContinuationToken")
            if goes_on is None or (goes_on and not token):
                raise Unlistable("an answer that does not say whether it is whole")
            yield [
                Listed(Location(self._root, entry["Key"]), entry.get("Size"), entry.get("LastModified"))
                for entry in page.get("Contents", ())
            ]
            if not goes_on:
                return
            more = {"ContinuationToken": token}

    def check(self) -> None:
        """Ask for one key. Who may delete (``s3:DeleteObject``) but not list (``s3:ListBucket``) reaches it, too."""
        try:
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        except Exception as error:
            if _code(error) != "AccessDenied":
                raise

    def close(self) -> None:
        self._client.close()

    def delete(self, paths: Sequence[str]) -> Answers:
        if self._bulk_off and len(paths) == 1:
            return {paths[0]: self._delete_one(paths[0])}
        try:
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in paths], "Quiet": False}
            )
        except Exception as error:
            if _code(error) not in _NO_BULK:
                raise
            self._bulk_off = True
            raise Failure(_code(error), Then.EACH) from None
        given: dict[str, Answer | Failure] = {entry["Key"]: DELETED for entry in answer.get("Deleted", ())}
        return given | {entry["Key"]: self._error(entry) for entry in answer.get("Errors", ()) if "Key" in entry}

    def reason(self, error: Exception) -> tuple[str, int | None]:
        code, status = _code(error), int(_details(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if not code:
            return f"{type(error).__name__}: {error}", status
        hint = f"; {_WHERE}" if status in {301, 401, 403} or code in {"NoSuchBucket", "404"} else ""
        return f"{code}: {_details(error)['Error'].get('Message', '')}{hint}", status

    def _error(self, entry: Mapping[str, str]) -> Answer | Failure:
        code = entry.get("Code", "")
        if code == "NoSuchKey":
            return GONE
        answer = failed(f"{code}: {entry.get('Message', '')}", *self.secrets)
        return Failure(answer.error) if code in _BUSY else answer

    def _delete_one(self, key: str) -> Answer:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except Exception as error:
            return GONE if _code(error) == "NoSuchKey" else failed(self.failure(error).reason)
        return DELETED


def open_bucket(root: str, sdk: SdkConfig, connections: int, timeout: float) -> Bucket:
    """Open the bucket ``s3://bucket`` or ``s3://host/bucket`` with the SDK's credentials for it.

    Raises Unavailable if boto3 or credentials are missing.
    """
    try:
        import boto3  # noqa: PLC0415 - an extra
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise sdk.missing("boto3", root) from None
    found = sdk.buckets("s3").get_config_by_uri(f"{root}/")
    unknown = Unavailable(
        f"no credentials for {root}: set sdk.aws.s3.key and secret, an entry for this bucket in "
        "sdk.aws.s3.credentials, or sdk.aws.s3.use_credentials_chain: true"
    )
    if not found.use_credentials_chain and not (found.key and found.secret):
        raise unknown
    secrets = (found.key, found.secret, found.token)
    options: Any = dict(sdk.boto3.get("s3") or {}) or None
    config = Config(
        connect_timeout=min(10.0, timeout),
        read_timeout=timeout,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 4},
        signature_version=sdk.boto3.get("signature_version") or None,
        s3=options,
    )
    try:
        session = boto3.Session(profile_name=found.profile or None)
        known = not found.use_credentials_chain or session.get_credentials() is not None
        client = session.client("s3", config=config, **_client_settings(found))
    except Exception as error:
        reason = f"{root}: {type(error).__name__}: {error}; {_WHERE}"
        raise Unavailable(failed(reason, *secrets).error) from None
    if not known:
        raise unknown
    if found.host:
        client.meta.events.register("before-sign.s3.DeleteObjects", partial(_add_md5))
    return Bucket(root, client, secrets)


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
