"""The errors of the API: an HTTP status, a subcode, a message and its data."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """Answered as the error envelope that ClearML's server sends."""

    def __init__(self, code: int, subcode: int, text: str, detail: str = "", **data: Any) -> None:
        message = f"{text} ({detail})" if detail else text
        if data:
            message += ": " + ", ".join(f"{key}={value}" for key, value in data.items())
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.message = message
        self.data = data

    def as_failure(self) -> dict[str, Any]:
        """The `error` of one id in the answer of a `..._many` call."""
        return {"codes": [self.code, self.subcode], "msg": self.message, "data": self.data}


def invalid(detail: str, **data: Any) -> ApiError:
    return ApiError(400, 12, "Validation error", detail, **data)


def required(field: str) -> ApiError:
    return invalid(f"error for field '{field}'. field is required!")


def bad_value(detail: str, **data: Any) -> ApiError:
    return ApiError(400, 16, "Invalid value for fields", detail, **data)


def unknown_field(name: str) -> ApiError:
    detail = "probably an invalid field name or unsupported nested field"
    return ApiError(400, 14, "Lookup error", detail, err=f'Cannot resolve field "{name}"')


def not_unique() -> ApiError:
    detail = "unique field already contains this value"
    return ApiError(400, 801, "Value combination already exists", detail, err="E11000 Duplicate Key Error")


def no_write_permission(**data: Any) -> ApiError:
    return ApiError(403, 21, "Forbidden (modification not allowed)", **data)
