"""The command line as people use it, after ClearML's own way of deleting."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cleanup.orphans.__main__ import main
from cleanup.sandbox import Sandbox
from cleanup.sandbox.demo import environment

SDK = "from clearml import Task; [task.delete() for task in Task.get_tasks(task_name='long run')]"


@pytest.mark.slow
def test_what_the_sdks_deletion_leaves_of_250_samples_is_found_and_goes(tmp_path: Path) -> None:
    with Sandbox() as sandbox:

        def run(*arguments: str) -> str:
            command, around = [sys.executable, *arguments], environment(sandbox)
            return subprocess.run(
                command, cwd=tmp_path, env=around, stdout=subprocess.PIPE, text=True, check=True
            ).stdout

        for number in range(5):
            sandbox.add_artifact(sandbox.add_task(f"run {number}", "vision"), "data")
        long = sandbox.add_task("long run", "vision", "completed")
        sandbox.add_debug_samples(long, 250)
        others = {path for path in sandbox.files() if long not in path}
        run("-c", SDK)
        left = sandbox.files() - others
        assert long not in sandbox.tasks
        assert len(left) == 150
        found = run("-m", "cleanup.orphans", str(sandbox.files_root), "--older-than-days", "0")
        assert re.search(r"/vision +1 +150 +450 bytes ", found)
        assert "150 would be deleted" in found
        assert sandbox.files() == left | others
        delete = ("-m", "cleanup.orphans", "--delete", "orphans.jsonl.gz")
        numbers = json.loads(run(*delete, "--json"))["numbers"]
        assert (numbers["files_deleted"], numbers["bytes_freed"]) == (150, 450)
        assert sandbox.files() == others
        assert run(*delete).count("150 already gone") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a STORAGE"),
        (["s3://bucket", "--delete", "m"], "name a STORAGE"),
        (["s3://bucket", "--older-than-days", "nan"], "0 or more"),
        (["s3://bucket", "--older-than-days", "-1"], "0 or more"),
        (["--del", "m"], "unrecognized"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_wrong(arguments, said, capsys) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2
    assert said in capsys.readouterr().err
