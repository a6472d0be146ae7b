"""A small world with every kind of task and file, for attacks that try the same world at every request."""

from __future__ import annotations

from tests.faults.build import ODD, Step

_LIVING: tuple[Step, ...] = (
    ("task", "living", {"archived": False}),
    ("artifact", "living", "data"),
    ("model", "living's", "living"),
    ("samples", "living", 2),
    ("task", "young", {"age_days": 1.0}),
    ("artifact", "young", "data"),
    ("task", "tagged", {"tags": ["keep"]}),
    ("artifact", "tagged", "data"),
    ("task", "public", {"public": True}),
    ("artifact", "public", "data"),
    ("task", "running", {"status": "in_progress", "age_days": 0.0}),
    ("artifact", "running", "data"),
)
_PLAIN: tuple[Step, ...] = (
    ("task", "draft", {"status": "created", "age_days": 58.0}),
    ("artifact", "draft", "data"),
    ("task", "full", {"age_days": 57.0}, "files", ODD),
    ("artifact", "full", "data"),
    ("samples", "full", 3),
    ("plot", "full"),
    ("model", "full's", "full"),
    ("unnamed", "full", "models/superseded.pt"),
    ("task", "empty", {"status": "failed", "age_days": 56.0}),
    ("task", "dead run", {"status": "in_progress", "age_days": 55.0}),
    ("samples", "dead run", 2),
    ("task", "linking", {"status": "stopped", "age_days": 54.0}),
    ("links", "linking", "living.data"),
    ("artifact", "linking", "own"),
    ("artifact", "linking", "lost"),
    ("lost", "linking.lost"),
    ("task", "reset", {"age_days": 53.0}),
    ("artifact", "reset", "data"),
    ("was_reset", "reset"),
)
_SHARED: tuple[Step, ...] = (
    ("task", "published", {"status": "published", "age_days": 52.0}),
    ("model", "released", "published", True),
    ("artifact", "published", "data"),
    ("task", "maker", {"age_days": 51.0}),
    ("model", "backbone", "maker"),
    ("uses", "living", "backbone"),
    ("task", "chain 1", {"age_days": 50.0}),
    ("task", "chain 2", {"age_days": 49.0}, "s3"),
    ("task", "chain 3", {"age_days": 48.0}, "disk"),
    ("model", "link 1", "chain 1"),
    ("model", "link 2", "chain 2"),
    ("model", "link 3", "chain 3"),
    ("uses", "chain 2", "link 1"),
    ("uses", "chain 3", "link 2"),
    ("uses", "chain 1", "link 3"),
    ("task", "linked", {"age_days": 47.0}),
    ("artifact", "linked", "data"),
    ("artifact", "linked", "other"),
    ("links", "living", "linked.data", "localhost"),
    ("task", "ancestor", {"age_days": 70.0}),
    ("model", "old weights", "ancestor"),
    ("task", "heir", {"age_days": 46.0}),
    ("uses", "heir", "old weights"),
    ("went", "ancestor"),
)
_ELSEWHERE: tuple[Step, ...] = (
    ("task", "on s3", {"age_days": 45.0}, "s3"),
    ("artifact", "on s3", "data"),
    ("model", "s3's", "on s3"),
    ("samples", "on s3", 2),
    ("unnamed", "on s3", "artifacts/data/overwritten.bin"),
    ("task", "on disk", {"age_days": 44.0}, "disk"),
    ("artifact", "on disk", "data"),
    ("model", "disk's", "on disk"),
    ("unnamed", "on disk", "models/superseded.pt"),
)
STREET = (*_LIVING, *_PLAIN, *_SHARED, *_ELSEWHERE)
