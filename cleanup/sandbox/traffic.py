"""What passes through the servers: counts, records, delays, hooks and faults."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cleanup.sandbox.answer import Answer
from cleanup.sandbox.faults import Fault

Body = dict[str, Any]
Hook = Callable[[str, Body], None]


@dataclass(frozen=True)
class Request:
    """A request as it is recorded."""

    endpoint: str
    body: Body
    scheme: str
    """Of the Authorization header: "Basic", "Bearer" or nothing."""


@dataclass
class Traffic:
    seed: int = 0
    latency: float = 0.0
    record: bool = False
    on_request: Hook | None = None
    log: list[Request] = field(default_factory=list)
    peak: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._chance = random.Random(self.seed)  # noqa: S311  # repeatable, not secret
        self._counts: Counter[str] = Counter()
        self._open = 0
        self._faults: list[Fault] = []
        self._at: dict[int, list[Callable[[], object]]] = {}

    def counts(self) -> Counter[str]:
        with self._lock:
            return Counter(self._counts)

    def reset(self) -> None:
        with self._lock:
            self._counts.clear()
            self._at.clear()
            self.log.clear()
            self.peak = self._open

    def inject(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def at_request(self, number: int, callback: Callable[[], object]) -> None:
        with self._lock:
            self._at.setdefault(number, []).append(callback)

    def handle(self, endpoint: str, body: Body, scheme: str, work: Callable[[], Answer]) -> Answer:
        with self._passage():
            with self._lock:
                self._counts[endpoint] += 1
                callbacks = self._at.pop(sum(self._counts.values()), ()) if self._at else ()
                if self.record:
                    self.log.append(Request(endpoint, body, scheme))
                fault = next((f for f in self._faults if f.meets(endpoint, body, self._chance)), None)
            for callback in callbacks:
                callback()
            if self.on_request is not None:
                self.on_request(endpoint, body)
            if self.latency:
                self.stopping.wait(self.latency)
            return work() if fault is None else fault.answer(endpoint, work, self.stopping)

    @contextmanager
    def _passage(self) -> Iterator[None]:
        with self._lock:
            self._open += 1
            self.peak = max(self.peak, self._open)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
