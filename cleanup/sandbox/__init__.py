"""A disposable ClearML server for trying, testing and measuring."""

try:
    import flask as _flask  # noqa: F401
except ImportError as error:
    raise ImportError(
        "the sandbox needs Flask: install the extra `sandbox`, pip install 'clearml-cleanup-service[sandbox]'"
    ) from error

from cleanup.sandbox.faults import Fault
from cleanup.sandbox.sandbox import Sandbox

__all__ = ["Fault", "Sandbox"]
