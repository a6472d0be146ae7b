"""Tests of what people and scripts get to see: console, task page, JSON, README, example configuration, package."""
