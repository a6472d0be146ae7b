"""From the start of the script to the agent and out again: log in, enqueue, exit codes."""
