"""The ClearML file server: files deleted in bulk where that is safe, one by one where it is not or is switched off."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from cleanup.base.text import without_secrets
from cleanup.storage.address import is_task_folder, task_depth
from cleanup.storage.base import DELETED, GONE, Answer, Outcome, failed
from cleanup.storage.bulk import Rejected, apart
from cleanup.storage.crew import Crew
from cleanup.storage.wire import Reply, Wire

_MOST_PATHS = 1000
_LARGEST_BODY = 512 * 1024
_FILE_DEPTH = {"artifacts": 3, "models": 2, "metrics": 4}
_OFF = frozenset({404, 405})
_TOO_MUCH = frozenset({400, 413, 500})


class FileServer:
    """Deletes from one file server with ``POST /delete_many``, at most 1,000 paths and 512 KiB a request.

    ``delete_many`` deletes a folder with all that is in it, and the server offers no way to ask for a file only. So a
    path goes there only if it cannot well be a folder: it lies below a task's folder where the SDK writes its files
    (``artifacts/<name>/<file>``, ``models/<file>``, ``metrics/<title>/<series>/<file>``), has a dot in its name, as
    all of these have, and no other known path lies below it. Everything else goes by ``DELETE``, which refuses
    folders. So does everything on a server that answers 404 or 405 to ``delete_many``; that is remembered.

    A file that the server does not have is GONE. A request that fails as a whole because of one of its paths (400,
    413, 500) is halved until that path stands alone. Trouble with the whole server (no connection, no
    authorization, a redirect) fails what is left of the call without asking for each path.

    The server stores a name with ``%22`` under ``"`` (its form parser undoes that escape, though the SDK stores the
    address with it), so such a path is asked for under both names.
    """

    def __init__(self, name: str, wire: Wire, crew: Crew) -> None:
        self.name = name
        self._wire, self._crew = wire, crew
        self._bulk_off = False

    def delete(self, paths: Sequence[str], keep: Collection[str] = ()) -> dict[str, Answer]:
        """Delete files. Callers send what is a task's own or was expressly asked for; see the class for folders."""
        names = {path: _stored_names(path) for path in paths}
        wanted = list(dict.fromkeys(name for path in paths for name in names[path]))
        folders = _folders_of([*wanted, *keep])
        bulk = [path for path in wanted if _surely_file(path) and path not in folders]
        answers = self._delete_many(bulk)
        halt = _Halt()
        rest = [path for path in wanted if path not in answers]
        answers |= dict(zip(rest, self._crew.each(lambda path: self._delete_one(path, halt), rest), strict=True))
        return {path: _joint([answers[name] for name in names[path]]) for path in paths}

    def remove_folders(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Delete task folders with all that is in them. Where ``delete_many`` is off, nothing can be done: FAILED.

        The caller promises that nothing in them is to be kept. A path that is not named like a task's folder (a dot
        and 32 hexadecimal digits at its end) is refused.
        """
        names = {path: _stored_names(path) for path in paths if is_task_folder(path)}
        answers = self._delete_many(list(dict.fromkeys(name for several in names.values() for name in several)))
        off = failed("this server has delete_many switched off, and nothing else removes folders")
        answered = {path: _joint([answers.get(name, off) for name in several]) for path, several in names.items()}
        return {path: answered.get(path, failed("not named like a task's folder")) for path in paths}

    def check(self) -> str:
        """Ask the server for its start page with the session's token. Older servers have none: 405."""
        reply = self._wire.send("GET", "/")
        alive = reply.status in {200, 405} or (reply.status == 404 and _says_not_found(reply.body))
        return "" if alive else _whole(reply)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _delete_many(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Return answers for all paths, or for none of those that met a server without ``delete_many``."""
        if self._bulk_off or not paths:
            return {}
        halt = _Halt()
        answers: dict[str, Answer] = {}
        for part in self._crew.each(lambda chunk: self._chunk(chunk, halt), _bounded(paths)):
            answers |= part
        return answers

    def _chunk(self, paths: Sequence[str], halt: _Halt) -> dict[str, Answer]:
        return apart(lambda part: self._ask(part, halt, patient=len(part) == len(paths)), paths)

    def _ask(self, paths: Sequence[str], halt: _Halt, *, patient: bool) -> dict[str, Answer] | Rejected:
        if halt.answer or self._bulk_off:
            return dict.fromkeys(paths, halt.answer) if halt.answer else {}
        sent = {quote(path): path for path in paths}
        reply = self._wire.send(
            "POST",
            "/delete_many",
            {"files": list(sent)},
            usable=lambda reply: _parsed(reply) is not None,
            patient=patient,
        )
        if reply.status == 200:
            return _matched(sent, _parsed(reply) or {})
        if reply.status in _OFF:
            self._bulk_off = True
            return {}
        if reply.status in _TOO_MUCH:
            return Rejected(_whole(reply))
        return dict.fromkeys(paths, halt.stop(_whole(reply)))

    def _delete_one(self, path: str, halt: _Halt) -> Answer:
        if halt.answer:
            return halt.answer
        # A proxy's page to log in is a 200, too. Asked again, a server that did delete the file has it no more.
        reply = self._wire.send("DELETE", "/" + quote(path), usable=lambda reply: not _is_page(reply.body))
        if reply.status == 200:
            return DELETED
        if reply.status == 404 and _says_not_found(reply.body):
            return GONE
        if reply.status == 404:
            return halt.stop("a 404 that is not the file server's: is api.files_server the right address?")
        if reply.status in {0, 401} or 300 <= reply.status < 400:
            return halt.stop(_whole(reply))
        return failed(_whole(reply))


class _Halt:
    """Trouble with the whole server, shared by the requests of one call."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def stop(self, reason: str) -> Answer:
        self.answer = failed(reason)
        return self.answer


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


def _stored_names(path: str) -> tuple[str, ...]:
    return (path, path.replace("%22", '"')) if "%22" in path else (path,)


def _joint(answers: Sequence[Answer]) -> Answer:
    """Return what became of a file that was asked for under several names."""
    by_outcome = {answer.outcome: answer for answer in answers}
    order = (Outcome.FAILED, Outcome.DELETED, Outcome.GONE)
    return next(by_outcome[outcome] for outcome in order if outcome in by_outcome)


def _bounded(paths: Sequence[str]) -> list[Sequence[str]]:
    chunks: list[list[str]] = []
    size = _LARGEST_BODY
    for path in paths:
        length = len(quote(path)) + 4
        if size + length > _LARGEST_BODY or len(chunks[-1]) >= _MOST_PATHS:
            chunks.append([])
            size = 0
        chunks[-1].append(path)
        size += length
    return list(chunks)


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


def _matched(sent: dict[str, str], answer: dict[str, Any]) -> dict[str, Answer]:
    """Match the server's answer back to every path that was sent; ``sent`` maps what was written to the path."""
    deleted: dict[str, Any] = answer["deleted"]
    reasons = {name: str(reason) for reason, names in answer["errors"].items() for name in names if name in sent}
    return {path: _one(name in deleted, reasons.get(name)) for name, path in sent.items()}


def _one(deleted: bool, reason: str | None) -> Answer:
    if reason is None:
        return DELETED if deleted else failed("the file server's answer does not mention it")
    return GONE if reason == "Not found" else failed(reason)


def _is_page(body: bytes) -> bool:
    """Tell whether an answer is some page or object, where the file server repeats the path."""
    return body.lstrip()[:1] in {b"<", b"{"}


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
