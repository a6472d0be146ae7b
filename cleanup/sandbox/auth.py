"""Credentials and session tokens: made for one run, checked on every call."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cleanup.sandbox.errors import ApiError


def without_padding(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_padding(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authority:
    api_version: str
    server_version: str
    token_seconds: float
    identity: dict[str, Any]
    access_key: str = field(default_factory=lambda: secrets.token_hex(10).upper())
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def token(self) -> str:
        """A token whose claims the SDK reads without checking the signature."""
        now = time.time()
        claims = {
            "env": "sandbox",
            "iat": int(now),
            "exp": now + self.token_seconds,
            "auth_type": "Bearer",
            "api_version": self.api_version,
            "server_version": self.server_version,
            "server_build": "sandbox",
            "feature_set": "basic",
            "identity": self.identity,
        }
        head = without_padding(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        signed = f"{head}.{without_padding(json.dumps(claims).encode())}"
        return f"{signed}.{self._signature(signed)}"

    def _signature(self, signed: str) -> str:
        return without_padding(hmac.digest(self._signing_key, signed.encode(), hashlib.sha256))

    def check(self, authorization: str | None) -> None:
        """Raises unless the header holds this run's credentials or one of its tokens."""
        scheme, _, value = (authorization or "").partition(" ")
        if not value.strip():
            raise ApiError(401, 20, "Unauthorized", "missing credentials")
        if scheme.lower() == "basic":
            self._check_credentials(value)
        elif scheme.lower() == "bearer":
            self._check_token(value)
        else:
            raise ApiError(401, 10, "Unauthorized", "bad authentication header type")

    def check_session(self, authorization: str | None) -> None:
        """As the file server checks: it takes a token and nothing else."""
        if not (authorization or "").lower().startswith("bearer "):
            raise ApiError(401, 20, "Unauthorized", "missing credentials")
        self.check(authorization)

    def _check_credentials(self, value: str) -> None:
        try:
            given = base64.b64decode(value)
        except binascii.Error as error:
            raise ApiError(401, 21, "Unauthorized", "malformed credentials") from error
        if not hmac.compare_digest(given, f"{self.access_key}:{self.secret_key}".encode()):
            raise ApiError(401, 22, "Unauthorized", "invalid credentials) (failed to locate provided credentials")

    def _check_token(self, token: str) -> None:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise ApiError(401, 30, "Invalid token", "signature verification failed")
        if json.loads(with_padding(signed.partition(".")[2]))["exp"] < time.time():
            raise ApiError(401, 30, "Invalid token", "Signature has expired")
