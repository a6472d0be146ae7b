"""The package as it is installed: a wheel with the script and its modules, that runs in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from cleanup.sandbox import Sandbox

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building leaves folders behind."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for part in ("cleanup_service.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / part, source)
    for part in ("cleanup", "tests"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(target), str(source)]
    subprocess.run(build, check=True)
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; what it depends on comes from the environment of the tests."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", str(wheel)], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_wheel_carries_the_script_every_module_the_extras_and_nothing_else(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    carried = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cleanup").rglob("*.py")}
    assert carried == modules | {"cleanup_service.py"}
    (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
    for extra in ("s3", "gs", "azure", "sandbox"):
        assert f"Provides-Extra: {extra}\n" in archive.read(name).decode()


def test_it_is_the_installed_code_that_explains_itself_and_cleans(python: Path, tmp_path: Path) -> None:
    def run(*arguments: str, **environment: str) -> str:
        settings = {**os.environ, **environment}
        command = [str(python), *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run("-c", "import cleanup, cleanup_service; print(cleanup.__file__, cleanup_service.__file__)")
    assert [str(python.parents[1]) in path for path in where.split()] == [True, True]
    assert "--delete-threshold-days" in run("-m", "cleanup_service", "--help")
    with Sandbox() as sandbox:
        draft = sandbox.add_task("draft", "p", archived=True, age_days=60)
        run("-m", "cleanup_service", "--no-run-as-service", **sandbox.environment())
        assert draft not in sandbox.tasks
