"""Ids, paths and small helpers that the storage tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import requests

from cleanup.sandbox import Sandbox
from cleanup.storage import Answer, Location, Outcome, SdkConfig, Storages

TASK = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
ODD_NAMES = ("a b.txt", "a+b.txt", "100%.txt", "%41.txt", "naïve € файл.txt", "q?x#y.txt", "semi;colon.txt", "it's.txt")

FILES = "https://files.example.com"
PREFIXED = "http://host.example.com:8081/files"
SDK: dict[str, object] = {
    "aws": {
        "s3": {
            "credentials": [
                {"bucket": "data", "key": "k", "secret": "s"},
                {"host": "minio.example.com:9000", "key": "k", "secret": "s", "secure": False},
                {"host": "ceph.example.com", "bucket": "one", "key": "k", "secret": "s"},
            ]
        }
    },
    "google": {"storage": {"credentials": [{"bucket": "data", "subdir": "deep"}]}},
    "azure": {"storage": {"containers": [{"account_name": "acct", "account_key": "k"}]}},
    "storage": {
        "path_substitution": [
            {"registered_prefix": "https://old.example.com", "local_prefix": FILES},
            {"registered_prefix": "file:///mnt/", "local_prefix": "/data/"},
            {"registered_prefix": "\\\\nas\\share", "local_prefix": "/nas", "replace_windows_sep": True},
            {
                "registered_prefix": "https://both",
                "local_prefix": "/x",
                "replace_windows_sep": 1,
                "replace_linux_sep": 1,
            },
            {"registered_prefix": "https://half"},
        ]
    },
}
T = f"p/n.{TASK}"


def task_id(number: int) -> str:
    return f"{number:032x}"


def files_of_tasks(tasks: int = 50, each: int = 50) -> list[str]:
    """Paths as the SDK lays them out: artifacts, models and debug samples of many tasks."""
    kinds = ("artifacts/a{n}/a{n}.pkl", "models/m{n}.pt", "metrics/title/series/t_s_{n:08d}.jpeg")
    return [f"{folder_of(task)}/" + kinds[n % 3].format(n=n) for task in range(tasks) for n in range(each)]


def folder_of(task: int) -> str:
    return f"project/some task.{task_id(task)}"


def neighbours() -> list[str]:
    """What must stay: other tasks' files, one in a folder that only begins like a task's, one outside any of them."""
    others = (path.replace("some task.", "other task.f") for path in files_of_tasks(2, 3))
    return [*others, f"{folder_of(0)}2/models/m.pt", "project/readme.txt"]


def session_of(sandbox: Sandbox) -> Callable[[str], str]:
    """Return a token callable that logs in at the sandbox, as the API session does."""
    held: list[str] = []

    def token(refused: str) -> str:
        if refused or not held:
            keys = (sandbox.access_key, sandbox.secret_key)
            answer = requests.post(f"{sandbox.api_url}/v2.23/auth.login", auth=keys, json={}, timeout=10)
            held[:] = [answer.json()["data"]["token"]]
        return held[0]

    return token


def storages(*file_servers: str, sdk: dict[str, object] | None = None, **settings: object) -> Storages:
    return Storages(file_servers, lambda refused: "token", sdk=SdkConfig(sdk or {}), **settings)  # type: ignore[arg-type]


def outcomes(answers: dict[Location, Answer]) -> dict[str, Outcome]:
    return {location.path: answer.outcome for location, answer in answers.items()}


def located(root: str, paths: Iterable[str]) -> list[Location]:
    return [Location(root, path) for path in paths]


def failures(answers: dict[Location, Answer]) -> dict[str, str]:
    return {location.path: answer.error for location, answer in answers.items() if answer.outcome is Outcome.FAILED}
