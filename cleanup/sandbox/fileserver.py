"""The file server: upload, download and delete below one folder, and nowhere else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from flask import Flask, Response, request
from werkzeug.exceptions import InternalServerError, Unauthorized
from werkzeug.security import safe_join

from cleanup.sandbox.answer import Answer, as_json
from cleanup.sandbox.api import as_response
from cleanup.sandbox.auth import Authority
from cleanup.sandbox.errors import ApiError
from cleanup.sandbox.traffic import Traffic

METHODS = ["GET", "POST", "DELETE"]
TEXT = (("Content-Type", "text/plain"),)


def inside(root: Path, path: str, folders: dict[str, str] | None = None) -> Path | None:
    """Where a path leads, None if that is not the root or below it; links are followed first.

    ``folders``: where folders lead, as far as that was asked: many paths of one request lie in few.
    """
    joined = safe_join(str(root), path)
    if joined is None or "\0" in joined:
        return None
    known = {} if folders is None else folders
    folder, name = os.path.split(joined)
    if folder not in known:
        known[folder] = os.path.realpath(folder)
    target = Path(known[folder], name)
    if target.is_symlink():
        target = Path(os.path.realpath(target))
    return target if target.is_relative_to(root) else None


def exists(target: Path) -> bool:
    """Whether something is there. A name that no file system takes raises OSError, as on the real server."""
    try:
        target.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def not_found(path: str) -> Answer:
    return Answer(404, f"File {path} not found".encode(), TEXT)


def download(root: Path, path: str) -> Answer:
    target = inside(root, path)
    if target is None or not target.is_file():
        return not_found(path)
    return Answer(200, target.read_bytes(), (("Content-Type", "application/octet-stream"),))


def upload(root: Path) -> Answer:
    """Each file of the form is stored under its field's name."""
    stored = []
    for name, file in request.files.items():
        target = inside(root, name.lstrip("/"))
        if target is None or target == root:
            return Answer(400, b"Invalid path", TEXT)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.save(target)
        stored.append(name.lstrip("/"))
    return as_json(200, stored)


def delete(root: Path, path: str) -> Answer:
    target = inside(root, path)
    if target is None or not exists(target) or not target.is_file():
        return not_found(path)
    target.unlink(missing_ok=True)
    return Answer(200, path.encode(), TEXT)


def remove(root: Path, target: Path) -> None:
    if not target.is_dir():
        target.unlink()
        return
    # Truly so on the real one: `a/..` is the root, and all of it goes.
    shutil.rmtree(target)
    root.mkdir(exist_ok=True)


def delete_many(root: Path, body: dict[str, Any]) -> Answer:
    """Paths come percent-encoded, a plus sign stands for a space; a folder goes with all it holds."""
    names = body.get("files")
    if not names:
        return Answer(400, b"files are missing", TEXT)
    deleted: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    folders: dict[str, str] = {}
    for name in names:
        path = unquote_plus(name)
        target = inside(root, path, folders)
        if not path.strip("/"):
            errors.setdefault("Empty path not allowed", []).append(name)
        elif target is None or not exists(target):
            errors.setdefault("Not found", []).append(name)
        else:
            try:
                remove(root, target)
                deleted[name] = path
            except OSError as error:  # somebody else deletes the same at this moment
                errors.setdefault(str(error.strerror), []).append(name)
    return as_json(200, {"deleted": deleted, "errors": errors})


def make_fileserver(root: Path, authority: Authority, traffic: Traffic, delete_many_enabled: bool) -> Flask:
    app = Flask("cleanup.sandbox.fileserver", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True

    def act(path: str, body: dict[str, Any]) -> Answer:
        try:
            authority.check_session(request.headers.get("Authorization"))
        except ApiError as error:
            return Answer(error.code, Unauthorized().get_body().encode(), (("Content-Type", "text/html"),))
        if request.method == "POST" and path == "delete_many" and not delete_many_enabled:
            return Answer(404, b"Not Found", TEXT)
        try:
            if request.method == "POST":
                return delete_many(root, body) if path == "delete_many" else upload(root)
            return delete(root, path) if request.method == "DELETE" else download(root, path)
        except (OSError, ValueError):  # a name that no file system takes
            return Answer(500, InternalServerError().get_body().encode(), (("Content-Type", "text/html"),))

    @app.route("/", methods=METHODS, defaults={"path": ""})
    @app.route("/<path:path>", methods=METHODS)
    def serve(path: str) -> Response:
        body: dict[str, Any] = {"path": path}
        name = request.method
        if name == "POST" and path == "delete_many":
            name = "delete_many"
            try:
                body = json.loads(request.get_data() or b"{}")
            except ValueError:
                body = {}
        scheme = request.headers.get("Authorization", "").partition(" ")[0]
        return as_response(traffic.handle(f"files.{name}", body, scheme, lambda: act(path, body)))

    return app
