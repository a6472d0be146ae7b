"""Deletes archived ClearML tasks past their time, with every file they wrote."""
