"""ClearML Cleanup Service: deletes archived tasks past their time, with every file they wrote, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from clearml import Task

from cleanup.base.errors import CleanupError
from cleanup.launch import command_line, lifecycle, remote


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service; return the exit code: 0 all done, 1 some failed, 2 wrong settings, 3 no server."""
    # An agent runs the settings of the task; a command line recorded with it counts no more.
    asked = command_line.parse(arguments if Task.running_locally() else [])
    with lifecycle.json_on_stdout(asked.json_output) as json_to:
        try:
            server = lifecycle.log_in()
        except CleanupError as error:
            return lifecycle.turn_back(error, json_to)

        with lifecycle.lifeline(server):
            remote.record_packages()
            task: Task = Task.init(
                project_name="DevOps",
                task_name="Cleanup Service",
                task_type=Task.TaskTypes.service,
                reuse_last_task_id=False,
                auto_connect_arg_parser=False,
                auto_connect_frameworks=False,
                auto_resource_monitoring=False,
            )
            run = lifecycle.Run(server, task, json_to)
            # The args dict: delete_threshold_days, cleanup_period_in_days, force_delete, run_as_service, ...
            task.connect(lifecycle.with_defaults(asked.settings))
            try:
                settings = run.read_settings()
                if asked.template:
                    run.prepare_remote(settings, Path(__file__), template=True)
                    task.execute_remotely(queue_name=None, exit_process=True)
                elif settings.run_as_service and Task.running_locally():
                    run.prepare_remote(settings, Path(__file__), template=False)
                    task.execute_remotely(queue_name=settings.services_queue, exit_process=True)
            except CleanupError as error:
                return run.refuse(error)
            run.listen()

        return run.leave(run.clean(settings))


if __name__ == "__main__":
    sys.exit(main())
