"""Where the seconds of a search go: time in sections that call one another, each second counted once."""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REST = "rest"


class Sections:
    """Seconds and calls by section, in the thread that made this; those of others are kept apart.

    The time of a section that another one calls counts for the one that is called. Beside that the calls of a section
    are counted by the section that they come from.
    """

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()
        self.cpu_seconds: collections.Counter[str] = collections.Counter()
        """Seconds on a core, which other processes of the machine disturb less."""
        self.calls: collections.Counter[tuple[str, str, str]] = collections.Counter()
        """Calls by calling section, section and name of the function."""
        self.asked_by: collections.Counter[str] = collections.Counter()
        """Seconds by the outermost section: its own and those of what it calls."""
        self.elsewhere: collections.Counter[str] = collections.Counter()
        """Seconds of sections entered by other threads."""
        self._thread = threading.get_ident()
        self._stack: list[str] = []
        self._since, self._cpu_since = time.perf_counter(), time.thread_time()
        self._undo: list[Callable[[], None]] = []

    def wrap(self, owner: Any, name: str, section: str) -> None:
        """Count a method of an object, or of a class, for a section until :meth:`close`."""
        method = getattr(owner, name)
        own = vars(owner).get(name)

        @functools.wraps(method)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.section(section, name):
                return method(*args, **kwargs)

        setattr(owner, name, wrapped)
        self._undo.append(
            functools.partial(setattr, owner, name, own) if own else functools.partial(delattr, owner, name)
        )

    @contextlib.contextmanager
    def section(self, section: str, name: str) -> Iterator[None]:
        """Count what happens meanwhile for a section."""
        if threading.get_ident() != self._thread:
            start = time.perf_counter()
            yield
            self.elsewhere[section] += time.perf_counter() - start
            return
        self.calls[self._stack[-1] if self._stack else REST, section, name] += 1
        self._charge()
        self._stack.append(section)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def reset(self) -> None:
        """Forget what was counted so far."""
        self._charge()
        for counter in (self.seconds, self.cpu_seconds, self.calls, self.asked_by, self.elsewhere):
            counter.clear()

    def close(self) -> None:
        """Leave everything as it was."""
        while self._undo:
            self._undo.pop()()

    def _charge(self) -> None:
        now, cpu_now = time.perf_counter(), time.thread_time()
        self.seconds[self._stack[-1] if self._stack else REST] += now - self._since
        self.asked_by[self._stack[0] if self._stack else REST] += now - self._since
        self.cpu_seconds[self._stack[-1] if self._stack else REST] += cpu_now - self._cpu_since
        self._since, self._cpu_since = now, cpu_now
