"""Results of cycles made by hand, with a fixed clock, for the golden tests."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

from cleanup.cycle.result import CycleResult, Failed, FailedFile, FileCounts, Gone, Kept, Planned

NOW = datetime(2026, 3, 1, 4, 30, tzinfo=timezone.utc)
WEB = "https://app.clearml.example.com"
PROJECTS = {
    "a" * 32: "vision",
    "b" * 32: "speech & language/日本語",
    "c" * 32: "<b>bold</b>\nsecond line",
}
VISION, SPEECH, BOLD = PROJECTS

NAMES = (
    "train resnet",
    "<img src=x onerror=alert(1)> & more",
    "two\nlines and a \x1b[31mred\x1b[0m word\r",
    "\u202egnp.kcab\u202c \u200bzero width",
    "訓練 モデル 第七回",
    "cafe\u0301 🚀 Ünïcödé",
    "a very long name that goes on and on, " * 8,
    "",
    "tab\tand 'quotes' and \"double\" and | pipes",
)


def task(number: int, name: str = "", project: str = VISION, status: str = "completed", days: float = 45.0) -> Planned:
    return Planned(f"{number:032x}", name or f"experiment {number}", project, status, NOW - timedelta(days=days))


def dry_run() -> CycleResult:
    """A plan with names that could break lines, columns and pages, and one storage out of reach."""
    gone = [
        Gone(task(number, name, project=list(PROJECTS)[number % 3], days=400.5 - number), number, 1_000**number // 7)
        for number, name in enumerate(NAMES[:5])
    ]
    gone += [Gone(task(number, NAMES[number], project="", status="created"), 0, 0) for number in range(5, 9)]
    gone[7] = Gone(Planned(f"{7:032x}", "", VISION, "failed", NOW - timedelta(days=31)), 2, 0)
    return CycleResult(
        started=NOW,
        dry_run=True,
        seconds=12.3456,
        matched=12,
        deleted=gone,
        kept=[
            Kept(task(20, "alive", status="in_progress"), "running or queued, and has reported since the threshold"),
            Kept(task(21, "kept for\nthe paper"), "has the tag <keep>"),
            Kept(task(22, "kept for the book"), "has the tag <keep>"),
        ],
        force_would_add=0,
        files=FileCounts(deleted=12, size=sum(entry.size for entry in gone)),
        kept_files=Counter({"linked, not written by this task": 7, "published model …": 1}),
        storages={
            "https://files.clearml.example.com": FileCounts(deleted=10, size=gone[4].size),
            "s3://my-bucket": FileCounts(deleted=2, size=sum(entry.size for entry in gone[:4])),
        },
        unreachable={"s3://my-bucket": "no credentials: set sdk.aws.s3.key and secret, or AWS_ACCESS_KEY_ID"},
        projects=PROJECTS,
    )


def real() -> CycleResult:
    """A cycle in which much went well and much did not."""
    left = "s3://my-bucket/vision/train.0000000000000000000000000000001f/models/last.pt"
    foreign = "https://old.example.com/vision/train.00000000000000000000000000000028/artifacts/data/data.csv"
    return CycleResult(
        started=NOW,
        seconds=65.0,
        matched=8,
        deleted=[Gone(task(30), 3, 2_500_000), Gone(task(31, "goes without its file"), 1, 700)],
        kept=[
            Kept(task(32, "gone before"), "already gone when its turn came"),
            Kept(task(33, "back again"), "changed since it was listed: not archived"),
            Kept(task(34, "parent"), f"its version is used by dataset {35:032x}"),
        ],
        failed=[
            Failed(
                task(40, NAMES[1]),
                f"1 file could not be deleted, so the task stays: {foreign}: not a ClearML file server that this "
                "service knows: set api.files_server, or name it in sdk.storage.http.legacy_fileservers",
            ),
            Failed(task(41, NAMES[2], project=""), "tasks.delete_many: 500/100: general data error"),
            Failed(task(42, NAMES[4], project=BOLD), "the debug samples could not be read: 400/101"),
        ],
        files=FileCounts(deleted=4, gone=2, failed=2, size=2_500_700),
        kept_files=Counter({"linked, not written by this task": 1}),
        storages={
            "https://files.clearml.example.com": FileCounts(deleted=4, gone=2, size=2_500_700),
            "https://old.example.com": FileCounts(failed=1),
            "s3://my-bucket": FileCounts(failed=1),
        },
        failed_files=[
            FailedFile(f"{31:032x}", left, "AccessDenied: the credentials may not delete"),
            FailedFile(f"{40:032x}", foreign, "not a ClearML file server that this service knows"),
        ],
        projects=PROJECTS,
        errors=["the list could not be read again: tasks.get_all: 500/100"],
    )


def interrupted() -> CycleResult:
    """A cycle that lost the server on the way."""
    reason = "the ClearML server at https://api.clearml.example.com does not answer"
    return CycleResult(
        started=NOW,
        seconds=300.04,
        matched=3,
        deleted=[Gone(task(50), 0, 0)],
        kept=[Kept(task(51), f"not reached: {reason}"), Kept(task(52), f"not reached: {reason}")],
        interrupted=reason,
    )


def nothing() -> CycleResult:
    """A cycle that found nothing, and could have with force_delete."""
    return CycleResult(started=NOW, seconds=0.04, force_would_add=1)


def many(*, dry_run: bool = False) -> CycleResult:
    """More of everything than the console may show."""
    ids = [f"{number:032x}" for number in range(1000, 1060)]
    return CycleResult(
        started=NOW,
        dry_run=dry_run,
        seconds=3600.0,
        matched=1_290,
        deleted=[Gone(task(100 + number, project=ids[number % 60]), 1, 10) for number in range(600)],
        kept=[Kept(task(2_000 + number), f"has the tag keep-{number % 45:02}") for number in range(90)],
        failed=[Failed(task(3_000 + number), f"tasks.delete: 500/{number}") for number in range(600)],
        force_would_add=12_345,
        files=FileCounts(deleted=600, failed=100, size=6_000),
        kept_files=Counter({f"reason {number:02}": 100 - number for number in range(30)}),
        storages={f"s3://bucket-{number:02}": FileCounts(deleted=10, failed=1, size=100) for number in range(60)},
        unreachable={f"s3://bucket-{number:02}": "no credentials" for number in range(30)},
        failed_files=[FailedFile(f"{100 + number:032x}", f"s3://b/{number}", "AccessDenied") for number in range(30)],
        projects={entry: f"project {number:02}" for number, entry in enumerate(ids)},
        errors=[f"error {number}" for number in range(30)],
    )


CASES = {
    "dry_run": dry_run(),
    "real": real(),
    "interrupted": interrupted(),
    "nothing": nothing(),
    "nothing_dry": CycleResult(started=NOW, dry_run=True, seconds=0.04),
    "many": many(),
    "many_dry": many(dry_run=True),
}
