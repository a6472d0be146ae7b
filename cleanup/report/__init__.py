"""What happened, once as data, then as console, page of the task and JSON."""

from cleanup.report.page import Page, property_names
from cleanup.report.report import Report

__all__ = ["Page", "Report", "property_names"]
