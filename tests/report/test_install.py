"""The package as it is built: a wheel with the script and its modules, that runs from nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cleanup.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_carries_the_script_every_module_the_extras_nothing_else_and_cleans(tmp_path: Path) -> None:
    source = tmp_path / "source"  # A copy: building leaves folders behind.
    for part in ("cleanup", "tests"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("cleanup_service.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / part, source)
    build = ["-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path / "wheel"), str(source)]
    subprocess.run([sys.executable, *build], check=True)
    (wheel,) = (tmp_path / "wheel").iterdir()

    archive = zipfile.ZipFile(wheel)
    carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cleanup").rglob("*.py")}
    assert carried == modules | {"cleanup_service.py"}
    (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
    for extra in ("s3", "gs", "azure", "sandbox"):
        assert f"Provides-Extra: {extra}\n" in archive.read(name).decode()

    def run(*arguments: str) -> str:
        environment = {**os.environ, **sandbox.environment(), "PYTHONPATH": str(wheel)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    with Sandbox() as sandbox:
        draft = sandbox.add_task("draft", "p", archived=True, age_days=60)
        assert run("-c", "import cleanup; print(cleanup.__file__)").startswith(str(wheel))
        assert "--delete-threshold-days" in run("-m", "cleanup_service", "--help")
        run("-m", "cleanup_service", "--no-run-as-service")
        assert draft not in sandbox.tasks
