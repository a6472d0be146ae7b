"""What happened, once as data, then as console, page of the task and JSON."""
