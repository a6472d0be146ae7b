"""ClearML Cleanup Service: deletes archived tasks past their time, with every file they wrote, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cleanup.base.errors import Ending
from cleanup.launch import guard
from cleanup.launch.command_line import CommandLine


def clean_up(watched_by: guard.Guard, asked: CommandLine) -> Ending:
    """Make a task of this run, and enqueue it or do the work."""
    # The SDK reads its configuration when it is imported: what is wrong with that is for the guard to say.
    from clearml import Task  # noqa: PLC0415

    from cleanup.launch.lifecycle import Run  # noqa: PLC0415

    run = Run(watched_by, asked, Path(__file__))
    task: Task = Task.init(
        project_name="DevOps",
        task_name="Cleanup Service",
        task_type=Task.TaskTypes.service,
        reuse_last_task_id=False,
        auto_connect_arg_parser=False,
        auto_connect_frameworks=False,
        auto_resource_monitoring=False,
    )
    run.listen(task)
    # The args dict: delete_threshold_days, cleanup_period_in_days, force_delete, run_as_service, ...
    task.connect(run.args)
    settings = run.read_settings()
    if run.leaves_it_to_an_agent(settings):
        task.execute_remotely(queue_name=run.hand_over(settings), exit_process=True)
    return run.clean(settings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service; return the exit code: 0 all done, 1 some failed, 2 wrong settings, 3 no server."""
    return guard.run(clean_up, arguments)


if __name__ == "__main__":
    sys.exit(main())
