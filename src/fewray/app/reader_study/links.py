"""New links of readers, kept until the page after the form has shown them."""

from __future__ import annotations

import secrets
import threading

MOST = 50
"""Links that wait to be shown; older ones are dropped."""


class NewLinks:
    """Links by random keys. Each is given out once: a page that is loaded again does not have it.

    Whoever posts the form is sent to another page, so that a reload posts nothing a second time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[str, str]] = {}

    def keep(self, reader: str, link: str) -> str:
        """Keep the link of ``reader`` and return its key."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._waiting[key] = (reader, link)
            while len(self._waiting) > MOST:
                del self._waiting[next(iter(self._waiting))]
        return key

    def take(self, key: str) -> tuple[str, str] | None:
        """Return reader and link, once; None for a key that is unknown or was used."""
        with self._lock:
            return self._waiting.pop(key, None)
