"""The ClearML file server: files deleted in bulk where that is safe, one by one where it is not or is switched off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from cleanup.base import http
from cleanup.base.chunks import chunks
from cleanup.base.errors import Stopped
from cleanup.base.http import BUSY, MIB, Http, Network, Reply
from cleanup.base.text import without_secrets
from cleanup.storage.address import task_depth
from cleanup.storage.base import DELETED, GONE, Answers, Failure, Listed, Request, Storage, Then, Unlistable, failed

_LARGEST_BODY = 512 * 1024
_FILE_DEPTH = {"artifacts": 3, "models": 2, "metrics": 4}
_OFF = frozenset({404, 405})
_TOO_MUCH = frozenset({400, 413, 500})
_LONGEST_PART, _LONGEST_PATH = 255, 4095
"""Bytes of a name and of a path that a file system takes."""

_WENT = frozenset({"No such file or directory", "Not a file or folder"})
"""What ``delete_many`` says of what went, by another's hand, between its look and its deletion."""


class FileServer(Storage):
    """One file server: ``POST /delete_many``, at most 1,000 paths and 512 KiB a request.

    ``delete_many`` deletes a folder with all that is in it, and the server offers no way to ask for a file only. So a
    path goes there only if it cannot well be a folder: it lies below a task's folder where the SDK writes its files
    (``artifacts/<name>/<file>``, ``models/<file>``, ``metrics/<title>/<series>/<file>``), has a dot in its name, as
    all of these have, and no other path that is asked for lies below it. Everything else goes by ``DELETE``, which
    refuses folders. So does everything on a server that answers 404 or 405 to ``delete_many``; that is remembered.

    A file that the server does not have is GONE. A request that fails as a whole because of one of its paths (400,
    413, 500) is halved until that path stands alone. Trouble with the whole server (no connection, no
    authorization, a redirect) fails what is left without asking for each path.

    A name that no file system can hold, as the second reading of a long address may be, is GONE and not asked for: the
    server fails at it, after it deleted what stands before it in the request.
    """

    def __init__(self, base: str, token: Callable[[str], str], network: Network, verify: bool | str = True) -> None:
        # One that is away costs every batch of a cycle its attempts: so there are few.
        self._base, self._http = base, Http(replace(network, attempts=4), token, verify=verify, largest=64 * MIB)
        self._bulk_off = False

    def parts(self, paths: Sequence[str]) -> Iterable[list[str]]:
        return chunks(paths, self.most, lambda path: len(quote(path)) + 4, _LARGEST_BODY)

    def deletions(self, paths: Sequence[str]) -> list[Request]:
        """Delete files; see the class for paths that could be folders."""
        paths, nowhere = _that_can_be(paths)
        folders = _folders_of(paths)
        bulk = [path for path in paths if _surely_file(path) and path not in folders]
        alone = set(paths).difference(bulk)
        return [
            *nowhere,
            *(Request(part, self.delete) for part in self.parts(bulk)),
            *(Request([path], self._delete_one) for path in paths if path in alone),
        ]

    def removals(self, folders: Sequence[str]) -> list[Request]:
        folders, nowhere = _that_can_be(folders)
        return [*nowhere, *super().removals(folders)]

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:  # noqa: ARG002
        """Raise Unlistable: no call of the server does that."""
        raise Unlistable("a ClearML file server does not list its files")

    def check(self) -> None:
        """Ask the server for its start page with the session's token. Older servers have none: 405."""
        reply = self._send("GET", "/", None, usable=lambda _: True)
        if not (reply.status in {200, 405} or (reply.status == 404 and _says_not_found(reply.body))):
            raise Failure(_whole(reply))

    def close(self) -> None:
        self._http.close()

    def _send(self, method: str, path: str, json: Any, usable: Callable[[Reply], bool], patient: bool = True) -> Reply:
        """Return the last reply. Not ``patient``: a 500 is taken as the answer at once. Raises Stopped alone."""

        def read(reply: Reply) -> tuple[Reply, bool]:
            status = reply.status
            if status == 200 and not usable(reply):
                return Reply(error="an answer that is cut off or not a file server's"), True
            if 300 <= status < 400:
                there = urlsplit(reply.headers.get("Location", ""))
                host = f"{there.scheme}://{there.hostname}" if there.hostname else "another address"
                return replace(reply, error=f"it redirects to {host}: set api.files_server to the final address"), False
            return reply, status in {0, *BUSY} or (status == 500 and patient)

        try:
            return self._http.send(http.Request(method, self._base + path, json, deletes=method != "GET"), read)
        except Stopped:
            raise
        except Exception as error:
            return Reply(error=without_secrets(f"no session with the ClearML server: {error}"))

    def delete(self, paths: Sequence[str]) -> Answers:
        if self._bulk_off and len(paths) == 1:
            return self._delete_one(paths)
        return self._delete_many(paths)

    def remove(self, folders: Sequence[str]) -> Answers:
        """Delete folders with all that is in them. Where ``delete_many`` is off, nothing can be done: FAILED."""
        try:
            return self._delete_many(folders)
        except Failure as error:
            if error.then is not Then.EACH:
                raise
            reason = "this server has delete_many switched off, and nothing else removes folders"
            raise Failure(reason, Then.GIVE_UP) from None

    def _delete_many(self, paths: Sequence[str]) -> Answers:
        if self._bulk_off:
            raise Failure("delete_many is switched off", Then.EACH)
        sent = {quote(path): path for path in paths}
        reply = self._send(
            "POST",
            "/delete_many",
            {"files": list(sent)},
            usable=lambda reply: _parsed(reply) is not None,
            patient=len(paths) == 1,  # a 500 for several is halved at once: that asks again, too
        )
        if reply.status == 200:
            return _matched(sent, _parsed(reply) or {})
        if reply.status in _OFF:
            self._bulk_off = True
            raise Failure("delete_many is switched off", Then.EACH)
        raise Failure(_whole(reply), Then.HALVE if reply.status in _TOO_MUCH else Then.GIVE_UP)

    def _delete_one(self, paths: Sequence[str]) -> Answers:
        path = paths[0]
        # Any other 200 is a proxy's page to log in or the like. Asked again, a server that did delete has it no more.
        reply = self._send("DELETE", "/" + quote(path), None, lambda reply: _repeats(reply.body, path))
        if reply.status == 200:
            return {path: DELETED}
        if reply.status == 404 and _says_not_found(reply.body):
            return {path: GONE}
        if reply.status == 404:
            reason = "a 404 that is not the file server's: is api.files_server the right address?"
            raise Failure(reason, Then.GIVE_UP)
        if reply.status in {0, 401} or 300 <= reply.status < 400:
            raise Failure(_whole(reply), Then.GIVE_UP)
        return {path: failed(_whole(reply))}


def _that_can_be(paths: Sequence[str]) -> tuple[list[str], list[Request]]:
    """Return the paths that a file system can hold, and a request without a question for the others."""
    left, nowhere = list[str](), list[str]()
    for path in paths:
        encoded = path.encode(errors="surrogatepass")
        too_long = len(encoded) > _LONGEST_PATH or any(len(part) > _LONGEST_PART for part in encoded.split(b"/"))
        (nowhere if too_long else left).append(path)
    return left, [Request(nowhere, lambda given: dict.fromkeys(given, GONE))] if nowhere else []


def _surely_file(path: str) -> bool:
    parts = path.split("/")[task_depth(path) :] if task_depth(path) else []
    return bool(parts) and len(parts) == _FILE_DEPTH.get(parts[0], 0) and "." in parts[-1]


def _folders_of(paths: Iterable[str]) -> set[str]:
    folders: set[str] = set()
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    return folders


def _parsed(reply: Reply) -> dict[str, Any] | None:
    """Return the answer of ``delete_many`` if it has the form of one."""
    try:
        answer = json.loads(reply.body)
    except ValueError:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("deleted"), dict):
        return None
    errors = answer.get("errors")
    good = isinstance(errors, dict) and all(isinstance(names, list) for names in errors.values())
    return answer if good else None


def _matched(sent: dict[str, str], answer: dict[str, Any]) -> Answers:
    """Match the server's answer back to the paths; ``sent`` maps what was written to the path.

    What went while it was being deleted is asked for again: of a folder, only a part may be gone.
    """
    meanings = {"Not found": GONE, **{reason: Failure(reason) for reason in _WENT}}
    answers: dict[str, Any] = {sent[name]: DELETED for name in answer["deleted"] if name in sent}
    for reason, names in answer["errors"].items():
        answers |= {sent[name]: meanings.get(reason) or failed(reason) for name in names if name in sent}
    return answers


def _repeats(body: bytes, path: str) -> bool:
    """Tell whether an answer repeats ``path``, as the file server does when it has deleted it."""
    text = body.decode(errors="replace").strip()
    try:
        return bool(text == path or json.loads(text) == path)
    except ValueError:
        return False


def _says_not_found(body: bytes) -> bool:
    text = body[:16384].strip().strip(b'"')
    return text.startswith(b"File ") and text.endswith(b"not found")


def _whole(reply: Reply) -> str:
    if reply.error:
        return reply.error
    if reply.status in {401, 403}:
        return f"it refuses the session of this ClearML user ({reply.status})"
    text = without_secrets(reply.body[:400].decode(errors="replace"), 120)
    return f"the file server answered {reply.status}" + (f": {text}" if text and "<" not in text else "")
