"""Two services that work on one archive at the same time do not hurt each other."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from cleanup.sandbox import Sandbox
from tests.agent.process import service
from tests.agent.repository import PROJECT

SCRIPT = PROJECT / "cleanup_service.py"
COUNT = 300


def test_what_the_other_one_deleted_is_already_gone_and_together_they_delete_all_of_it(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        tasks = set()
        for number in range(COUNT):
            task = sandbox.add_task(f"old {number}", archived=True, age_days=60)
            sandbox.add_artifact(task, "data")
            tasks.add(task)
        # Each waits with its first batch until the other has read the same plan.
        both = threading.Barrier(2)
        waited: set[int] = set()

        def meet(endpoint: str, body: dict[str, object]) -> None:
            me = threading.get_ident()
            if endpoint == "models.get_all" and len(waited) < 2 and me not in waited:
                waited.add(me)
                both.wait(60)

        sandbox.on_request = meet
        arguments = ("--no-run-as-service", "--output", "json", "--parallel-requests", "1")
        with (
            service(sandbox, SCRIPT, *arguments, log=tmp_path / "one") as one,
            service(sandbox, SCRIPT, *arguments, log=tmp_path / "two") as two,
        ):
            codes = one.exit_code(120), two.exit_code(120)
        assert codes == (0, 0), one.output + two.output
        results = [
            json.loads(process.output[process.output.index("\n{\n") :].partition("\n}\n")[0] + "\n}")
            for process in (one, two)
        ]
        numbers = [result["numbers"] for result in results]
        assert all(count["matched"] == count["deleted"] + count["kept"] for count in numbers)
        assert sum(count["deleted"] for count in numbers) == COUNT
        assert sum(count["kept"] for count in numbers) > 0
        reasons = {reason for result in results for reason in result["kept_by_reason"]}
        assert len(reasons) == 1 and "gone" in next(iter(reasons)), reasons
        assert not tasks & set(sandbox.tasks)
        assert not [path for path in sandbox.files_root.rglob("*") if path.is_file()]
