"""Tests of single modules: pure functions with a fixed clock, and the server's calls against answers made here."""
