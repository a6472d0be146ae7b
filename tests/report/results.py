"""Results of cycles made by hand, with a fixed clock, for the golden tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cleanup.cycle.result import CycleResult, Failed, FailedFile, FileCounts, Gone, Kept, KeptFile, ModelFates, Planned

NOW = datetime(2026, 3, 1, 4, 30, tzinfo=timezone.utc)
WEB = "https://app.clearml.example.com"
VISION, SPEECH, BOLD = "a" * 32, "b" * 32, "c" * 32
PROJECTS = {VISION: "vision", SPEECH: "speech & language/日本語", BOLD: "<b>bold</b>\nsecond line"}
NAMES = (
    "train resnet",
    "<img src=x onerror=alert(1)> & more",
    "two\nlines and a \x1b[31mred\x1b[0m word\r",
    "\u202egnp.kcab\u202c \u200bzero width",
    "訓練 モデル 第七回",
    "cafe\u0301 🚀 Ünïcödé",
    "a very long name that goes on and on, " * 8,
    "tab\tand 'quotes' and \"double\" and | pipes",
)


def task(number: int, name: str = "", project: str = VISION, status: str = "completed", days: float = 45.0) -> Planned:
    return Planned(f"{number:032x}", name or f"experiment {number}", project, status, NOW - timedelta(days=days))


def address(owner: Planned, rest: str) -> str:
    return f"s3://my-bucket/vision/train.{owner.id}/{rest}"


def dry_run() -> CycleResult:
    """A plan with names that could break lines, columns and pages, and one storage out of reach."""
    planned = [task(n, name, list(PROJECTS)[n % 3], days=400.5 - n) for n, name in enumerate(NAMES[:5])]
    planned += [task(number, NAMES[number], project="", status="created", days=9.0) for number in range(5, 8)]
    planned.append(Planned(f"{8:032x}", "", VISION, "failed", NOW - timedelta(days=31)))
    missing = "no credentials: set sdk.aws.s3.key and secret, or AWS_ACCESS_KEY_ID"
    gone = [Gone(planned[number], number, 1_000**number // 7, number // 2) for number in range(5)]
    gone += [Gone(planned[number], number % 2, 0, number % 2) for number in range(5, 9)]
    result = CycleResult(
        started=NOW,
        dry_run=True,
        seconds=12.3456,
        # A batch is worked off newest first.
        deleted=gone[::-1],
        kept=[
            Kept(task(20, "alive", status="in_progress"), "running or queued, and has reported since the threshold"),
            Kept(task(21, "kept for\nthe paper"), "has the tag <keep>"),
            Kept(task(22, "kept for the book"), "has the tag <keep>"),
        ],
        failed=[Failed(task(number, f"on S3 {number}"), f"s3://my-bucket: {missing}") for number in (23, 24)],
        files=FileCounts(deleted=12, failed=3, unnamed=5, size=143_000_142_998, unsized=6),
        storages={
            "https://files.clearml.example.com": FileCounts(deleted=10, unnamed=5, size=143_000_142_998, unsized=4),
            "gs://bucket": FileCounts(deleted=2, unsized=2),
            "s3://my-bucket": FileCounts(failed=3),
        },
        models_deleted=2,
        plan=Path("plan.jsonl.gz"),
        unlisted={"gs://bucket": "403 storage.objects.list is missing"},
        unreachable={"s3://my-bucket": missing},
        projects=PROJECTS,
    )
    for number in range(7):
        data = f"s3://elsewhere/data-{number}.csv"
        result.keep_file(KeptFile(planned[4].id, data, "linked, not written by this task"))
    for model, rest in ((50, "models/last.pt"), (51, "models/a_directory/with_long_names/and_more/best.pt")):
        why = f"published model {model:032x}"
        result.keep_file(KeptFile(planned[3].id, address(planned[3], rest), why, f"{model:032x}"))
    return result


def real() -> CycleResult:
    """A cycle in which much went well and much did not."""
    stays, without = task(40, NAMES[1]), task(31, "goes without its file", days=46)
    foreign = f"https://old.example.com/vision/train.{stays.id}/artifacts/data/data.csv"
    unknown = "not a ClearML file server that this service knows: name it in sdk.storage.http.legacy_fileservers"
    result = CycleResult(
        started=NOW,
        seconds=65.0,
        deleted=[Gone(task(30), 3, 2_500_000, 1), Gone(without, 1, 700)],
        kept=[
            Kept(task(32, "gone before"), "already gone when its turn came"),
            Kept(task(33, "back again"), "changed since it was listed: not archived"),
            Kept(task(34, "parent"), f"its version is used by dataset {35:032x}"),
            Kept(task(36, "other parent"), f"its version is used by dataset {37:032x}"),
        ],
        failed=[
            Failed(stays, f"1 file could not be deleted, so the task stays: {foreign}: {unknown}"),
            Failed(task(41, NAMES[2], project=""), "tasks.delete_many: 500/100: general data error"),
            Failed(task(42, NAMES[4], project=BOLD), "the debug samples could not be read: 400/101"),
        ],
        files=FileCounts(deleted=4, gone=2, failed=2, unnamed=1, size=2_500_700, unsized=1),
        storages={
            "file://": FileCounts(deleted=1, size=700),
            "https://files.clearml.example.com": FileCounts(deleted=3, gone=2, unnamed=1, size=2_500_000, unsized=1),
            "https://old.example.com": FileCounts(failed=1),
            "s3://my-bucket": FileCounts(failed=1),
        },
        failed_files=[
            FailedFile(without.id, address(without, "models/last.pt"), "AccessDenied: the credentials may not delete"),
            FailedFile(stays.id, foreign, unknown),
        ],
        models=ModelFates(
            deleted=[Gone(task(70, "best weights", status="draft", days=90), 0, 0)],
            kept=[Kept(task(71, "base"), f"in use by task {72:032x}")],
            failed=[Failed(task(73, "task"), "models.delete: 500/100")],
        ),
        projects=PROJECTS,
        errors=["the list could not be read again: tasks.get_all: 500/100"],
    )
    user, linker = f"{61:032x}", f"{62:032x}"
    used = f"model {60:032x} is in use by task {user}"
    result.keep_file(KeptFile(without.id, address(without, "models/first.pt"), used, user))
    result.keep_file(KeptFile(without.id, address(without, "data/data.csv"), f"task {linker} links to it", linker))
    return result


def large(*, dry_run: bool = True) -> CycleResult:
    """More of everything than console and page may show."""
    ids = [f"{number:032x}" for number in range(1000, 1060)]
    buckets = [f"s3://bucket-{number:02}" for number in range(30)]
    result = CycleResult(
        started=NOW,
        dry_run=dry_run,
        seconds=3600.0,
        deleted=[Gone(task(100 + number, project=ids[number % 60], days=30 + number), 1, 10) for number in range(600)],
        kept=[Kept(task(2_000 + number), f"has the tag keep-{number % 45:02}") for number in range(90)],
        failed=[Failed(task(3_000 + number), f"500/{number}: no-{number % 25}") for number in range(600)],
        force_would_add=12_345,
        files=FileCounts(deleted=600, failed=100, size=6_000),
        storages={bucket: FileCounts(deleted=20, failed=3, size=200) for bucket in buckets},
        unreachable=dict.fromkeys(buckets if dry_run else (), "no credentials"),
        failed_files=[FailedFile(f"{100 + number:032x}", f"s3://b/{number}", f"no-{number}") for number in range(30)],
        projects={entry: f"project {number:02}" for number, entry in enumerate(ids)},
        errors=[f"error {number}" for number in range(30)],
    )
    for number in range(1_100):
        result.keep_file(KeptFile(f"{100 + number % 600:032x}", f"s3://b/{number}", f"reason-{number % 30:02}"))
    return result


AWAY = "the ClearML server at https://api.clearml.example.com does not answer"
UNREACHED = [Kept(task(number), f"not reached: {AWAY}") for number in (51, 52)]
CASES = {
    "dry_run": dry_run(),
    "real": real(),
    "interrupted": CycleResult(NOW, seconds=300.04, deleted=[Gone(task(50), 0, 0)], kept=UNREACHED, interrupted=AWAY),
    "nothing": CycleResult(started=NOW, seconds=0.04, force_would_add=1),
    "large": large(),
}
