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
    source = tmp_path_factory.mktemp("source")
    for part in ("cleanup_service.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / part, source)
    for part in ("cleanup", "tests"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(target), str(source)], check=True
    )
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


def test_the_wheel_carries_the_script_every_module_and_nothing_else(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cleanup").rglob("*.py")}
    assert carried == modules | {"cleanup_service.py"}


def test_the_extras_of_the_readme_are_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = archive.read(name).decode()
    for extra in ("s3", "gs", "azure", "sandbox"):
        assert f"Provides-Extra: {extra}\n" in metadata


def run(python: Path, tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "cleanup_service", *arguments],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_says_what_it_can(python: Path, tmp_path: Path) -> None:
    done = run(python, tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    assert "--delete-threshold-days" in done.stdout


def test_it_is_the_installed_code_that_runs(python: Path, tmp_path: Path) -> None:
    code = "import cleanup, cleanup_service; print(cleanup.__file__, cleanup_service.__file__)"
    done = subprocess.run([str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [str(python.parents[1]) in path for path in done.stdout.split()] == [True, True]


def test_it_cleans_from_there(python: Path, tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        draft = sandbox.add_task("draft", "p", archived=True, age_days=60)
        done = run(python, tmp_path, "--no-run-as-service", **sandbox.environment())
        assert done.returncode == 0, done.stdout + done.stderr
        assert draft not in sandbox.tasks
