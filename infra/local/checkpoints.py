"""How far each stream was read: one small JSON file, replaced as a whole."""

import json
import os
import threading
from pathlib import Path

CLOSED = "closed"
"""Stands for a sequence number where a shard was read to its end."""


class Checkpoints:
    """Positions by reader (stream and function) and shard, in a file or, without one, in memory."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._positions: dict[str, dict[str, str]] = {}
        if path is not None and path.exists():
            self._positions = json.loads(path.read_text(encoding="utf-8"))

    def get(self, reader: str) -> dict[str, str]:
        with self._lock:
            return dict(self._positions.get(reader, {}))

    def advance(self, reader: str, shard: str, position: str) -> None:
        with self._lock:
            self._positions.setdefault(reader, {})[shard] = position
            self._save()

    def keep_only(self, reader: str, shards: set[str]) -> None:
        """Forget shards that the stream no longer lists."""
        with self._lock:
            known = self._positions.get(reader, {})
            gone = known.keys() - shards
            for shard in gone:
                del known[shard]
            if gone:
                self._save()

    def _save(self) -> None:
        if self.path is None:
            return
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._positions, indent=1), encoding="utf-8")
        os.replace(temporary, self.path)
