"""Stored addresses turned into a storage and an object's exact name in it, the way the SDK does, or refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlparse, urlsplit

from cleanup.storage.base import Location, Unavailable
from cleanup.storage.sdk import SdkConfig

LOCAL = "file://"
_LONGEST = 4096
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_TASK_FOLDER = re.compile(r"\.[0-9a-f]{32}\Z")
_HOST = re.compile(r"[^\s/?#@\\%:\[\]]+|\[[0-9A-Fa-f:.]+\]")
_DEFAULT_PORT = {"http": 80, "https": 443}
_SDK_FOLDERS = frozenset({"artifacts", "models", "metrics"})
_UNQUOTED = "'[]{}()$^,.; -_+-=/"
_LONGEST_PROJECT = 256
_LONGEST_TASK = 128


class BadAddress(Exception):
    """An address that no file is deleted by. The message is a short reason for people."""


@dataclass(frozen=True, slots=True)
class FileServerBase:
    """The base URL of a ClearML file server, taken apart. ``prefix`` is its path, "" or beginning with "/"."""

    url: str
    host: str
    port: int
    prefix: str

    def cut(self, host: str, port: int, raw: str) -> str | None:
        """Return what follows this base in the raw path of an address, or None if it lies elsewhere."""
        depth = self.prefix.count("/")
        parts = raw.lstrip("/").split("/")
        here = (host, port) == (self.host, self.port) and unquote("/".join(["", *parts[:depth]])) == self.prefix
        return "/".join(parts[depth:]) if here else None


class Addresses:
    """Turns addresses into locations. Pure: reads the configuration, never the network or the disk.

    ``file_servers`` are the base URLs that answer as a ClearML file server. One that cannot be read is left out.
    """

    def __init__(self, file_servers: Sequence[str], sdk: SdkConfig) -> None:
        self._sdk = sdk
        urls = dict.fromkeys(url for base in file_servers for url in (base, sdk.substituted(base)))
        self._default = file_servers[0].rstrip("/") if file_servers else ""
        bases = [base for base in map(file_server_base, urls) if base]
        self.bases = tuple(sorted(bases, key=lambda base: -len(base.prefix)))

    def locate(self, address: object) -> tuple[Location, ...]:
        """Return every exact name that ``address`` may stand for, the likeliest first.

        An http(s) address has several, see :func:`_names`; all others are taken as they stand, as the SDK does.
        Raises BadAddress; its message never repeats the address.
        """
        text = self._sdk.substituted(_plain(address))
        found = _SCHEME.match(text)
        if not found or text.startswith(LOCAL):
            return (_local(text),)
        scheme = found[1].lower()
        if scheme in _DEFAULT_PORT:
            return self._http(scheme, text[found.end() :])
        if found[1] != scheme and scheme in {"s3", "gs", "azure", "file"}:
            raise BadAddress(f"a scheme in capitals, which the SDK does not read as {scheme}")
        if scheme not in {"s3", "gs", "azure"}:
            raise BadAddress(f"unknown scheme {scheme[:20]}")
        try:
            return ({"s3": self._s3, "gs": self._gs, "azure": self._azure}[scheme](text),)
        except Unavailable as error:
            raise BadAddress(str(error)) from None

    def task_folder(self, destination: str, path: str) -> Location | None:
        """Return the folder ``path`` of :func:`sdk_path` at ``destination``, by default on the first file server.

        None where the destination is none that files can be deleted from, or there is neither.
        """
        base = re.sub(r"(?<=[^:/])/+\Z", "", destination.strip()) or self._default
        on_server = base.lower().startswith(("http://", "https://"))
        try:
            # What the SDK puts into an http address is quoted once more on its way.
            folder = self.locate(base and f"{base}/{quote(path) if on_server else path}")[0]
        except BadAddress:
            return None
        return folder if not on_server or any(folder.root == server.url for server in self.bases) else None

    def _http(self, scheme: str, rest: str) -> tuple[Location, ...]:
        host, port, path = _host_and_path(scheme, rest)
        end = re.search(r"[?#]|\Z", path)
        raw, extra = (path[: end.start()], path[end.start() :]) if end else (path, "")
        shown = host if port == _DEFAULT_PORT[scheme] else f"{host}:{port}"
        root = f"{scheme}://{shown}"
        for base in self.bases:
            inside = base.cut(host, port, raw)
            if inside is not None:
                root, raw = base.url, inside
                break
        return tuple(Location(root, name) for name in _names(raw, extra))

    def _s3(self, address: str) -> Location:
        _bucket_part(address)
        config = _by_uri(self._sdk.buckets("s3"), address)
        bucket = config.bucket or next((part for part in urlparse(address).path.split("/") if part), "")
        base = "/".join(part for part in ("s3:/", config.host, bucket) if part)
        return _object(address, base, "sdk.aws.s3.credentials")

    def _gs(self, address: str) -> Location:
        _bucket_part(address)
        base = f"gs://{_by_uri(self._sdk.buckets('gs'), address).bucket}"
        return _object(address, base, "sdk.google.storage.credentials")

    @staticmethod
    def _azure(address: str) -> Location:
        host = _bucket_part(address)
        container, _, name = address.partition("://")[2].partition("/")[2].partition("/")
        if any(mark in address for mark in "?#\\"):
            raise BadAddress("a '?', '#' or backslash, which Azure addresses of the SDK never hold")
        if not container or "%" in container:
            raise BadAddress("no container")
        if host != host.lower():
            raise BadAddress("a host in capitals, which the SDK reads differently")
        if urlparse(name.lstrip("/")).scheme:
            raise BadAddress("a name that begins like a URL, which the SDK reads differently")
        return _object(address, f"azure://{host}/{container}", "sdk.azure.storage.containers")


def file_server_base(url: str) -> FileServerBase | None:
    """Return ``url`` taken apart, without user name, query and trailing slash, or None if it is no http(s) URL."""
    scheme, _, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORT:
        return None
    netloc, _, path = rest.partition("?")[0].partition("#")[0].partition("/")
    try:
        host, port, _ = _host_and_path(scheme, netloc.rpartition("@")[2] + "/")
    except BadAddress:
        return None
    folder = _single_slashes(path)
    prefix = f"/{folder}" if folder else ""
    shown = host if port == _DEFAULT_PORT[scheme] else f"{host}:{port}"
    return FileServerBase(f"{scheme}://{shown}{prefix}", host, port, unquote(prefix))


def task_depth(path: str) -> int:
    """Return how many parts of ``path`` lead to a task's folder, that folder included; 0 if there is none.

    A task's folder ends in a dot and 32 hexadecimal digits. A project's folder can end so too (the SDK shortens long
    project names that way), so the one that the SDK's own ``artifacts``, ``models`` or ``metrics`` follows wins.
    """
    parts = path.split("/")
    found = [depth for depth, part in enumerate(parts[:-1], 1) if _TASK_FOLDER.search(part)]
    return next((depth for depth in found if parts[depth] in _SDK_FOLDERS), found[0] if found else 0)


def is_task_folder(path: str) -> bool:
    """Tell whether ``path`` itself is named like a task's folder."""
    return bool(_TASK_FOLDER.search(path.rpartition("/")[2]))


def sdk_path(project: str, name: str, task: str, project_id: str = "") -> str:
    """Return the folder that the SDK makes for a task below its output destination.

    As the SDK does, long names are cut, a long project's with its id behind it: "" where that id would be needed and
    is not given. Slashes in names make folders.
    """
    if len(project) >= _LONGEST_PROJECT:
        if not project_id:
            return ""
        project = f"{project[: max(2, _LONGEST_PROJECT - len(project_id) - 1)]}.{project_id}"
    folder = f"{name[: max(2, _LONGEST_TASK - len(task) - 1)]}.{task}"
    # Half a character in a name is nothing that the SDK could have made a folder of.
    return "/".join(quote(part, safe=_UNQUOTED, errors="replace") for part in (project or "unknown", folder))


def _plain(address: object) -> str:
    if not isinstance(address, str) or not address.strip():
        raise BadAddress("no address")
    if len(address) > _LONGEST:
        raise BadAddress(f"longer than {_LONGEST} characters")
    return _printable(address)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    kinds = {unicodedata.category(char) for char in text}
    if "Cc" in kinds:
        raise BadAddress("a control character")
    if "Cs" in kinds:
        raise BadAddress("half a character (a surrogate)")
    return text


def _host_and_path(scheme: str, rest: str) -> tuple[str, int, str]:
    """Return the host in lower case, its port and the raw path with what follows it."""
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in netloc:
        raise BadAddress("carries credentials")
    try:
        port = urlsplit(f"{scheme}://{netloc}").port
    except ValueError:
        raise BadAddress("a port that is none") from None
    host = _HOST.match(netloc)
    if not host or netloc[host.end() :] not in {"", ":", f":{netloc.rpartition(':')[2]}"}:
        raise BadAddress("no host")
    return host[0].lower(), port or _DEFAULT_PORT[scheme], rest[len(netloc) :]


def _names(raw: str, extra: str) -> tuple[str, ...]:
    """Return the names on a file server that the path ``raw`` of an address may stand for.

    The SDK stores some addresses quoted as the server wants it, and some as they are. It quotes nothing behind the
    first "?", "#" or, in the last part, ";", so these may belong to the name (``extra`` is what follows the first
    two). And the server's form parser undoes a ``%22`` that the SDK uploads.
    """
    head, semicolon, parameters = raw.partition(";") if ";" in raw.rpartition("/")[2] else (raw, "", "")
    names: list[str] = []
    for quoted, rest in ((raw, ""), (head, semicolon + parameters)):
        try:
            names.append(unquote_to_bytes(quoted).decode() + rest)
        except UnicodeDecodeError:
            continue  # escapes that are no UTF-8 stand for themselves
    names.append(raw)
    names += [name + extra for name in names] if extra else []
    names += [name.replace("%22", '"') for name in names]
    return tuple(dict.fromkeys(_single_slashes(_checked(name)) for name in dict.fromkeys(names)))


def _bucket_part(address: str) -> str:
    host = re.split(r"[/?#]", address.partition("://")[2], maxsplit=1)[0]
    if "@" in host:
        raise BadAddress("carries credentials")
    if not host:
        raise BadAddress("no bucket")
    return host


def _by_uri(configurations: Any, address: str) -> Any:
    try:
        return configurations.get_config_by_uri(address)
    except Exception:
        raise BadAddress("the SDK cannot read it") from None


def _object(address: str, base: str, section: str) -> Location:
    """Return the object that the SDK takes ``address`` for, ``base`` being what it takes for the bucket.

    The SDK looks buckets up by prefix, so an entry for "data" catches addresses of "data2" and puts their objects
    elsewhere than they say. Such an address is refused: it names two places.
    """
    if not address.startswith(base):
        raise BadAddress(f"written otherwise than in {section}")
    rest = address.removeprefix(base)
    if rest and not rest.startswith("/"):
        raise BadAddress(f"the SDK takes its bucket for another one whose name begins the same: add it to {section}")
    return Location(base, _checked(rest.lstrip("/")))


def _local(text: str) -> Location:
    path = text.removeprefix(LOCAL)
    if not path.startswith("/"):
        raise BadAddress("a relative path, or none of this system")
    return Location(LOCAL, "/" + _single_slashes(_checked(path)))


def _checked(path: str) -> str:
    """Return ``path`` without slashes at its end, if it climbs nowhere, however often it were decoded.

    With them it names a folder, and no storage has a file that is called so.
    """
    path = path.rstrip("/")
    if not path:
        raise BadAddress("no path")
    decoded = _printable(path)
    for _ in range(16):
        if {".", ".."} & set(re.split(r"[/\\]", decoded)):
            raise BadAddress("climbs with . or ..")
        before, decoded = decoded, unquote(decoded)
        if decoded == before:
            return path
    raise BadAddress("escapes within escapes")


def _single_slashes(path: str) -> str:
    """Return ``path`` without leading and doubled slashes, as servers and file systems read it."""
    return "/".join(part for part in path.split("/") if part)
