"""The directory that keeps a local cloud: its lock, its data key, and what `--reset` removes."""

import base64
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import IO

from infra.local.errors import StateInUse, StateUnusable

_KEPT = ("aws", "s3", "aws.log", "data.key", "demo.json", "cloud.env", "checkpoints.json")
KEY_BYTES = 32
SAVING_SECONDS = 20.0  # that the emulator of a crashed cloud may take to save what it has


class StateDirectory:
    """Owns the directory while it is open: a second local cloud on it is refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints.json"

    @property
    def demo(self) -> Path:
        return self.path / "demo.json"

    def open(self) -> None:
        """Make the directory where it is missing and lock it. Raises StateUnusable and StateInUse."""
        if self._lock is not None:
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+", encoding="ascii")
        except OSError as error:
            raise StateUnusable(
                f"{self.path} cannot be written ({error.strerror}): choose another with --state"
            ) from error
        _take(lock, self.path)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    @property
    def lock(self) -> int:
        """The lock's descriptor: the directory stays locked until the last process that holds it ends."""
        if self._lock is None:
            raise RuntimeError(f"{self.path} is not open")
        return self._lock.fileno()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reset(self) -> None:
        """Forget everything a local cloud keeps, and nothing else that lies there."""
        for name in _KEPT:
            target = self.path / name
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the directory itself, where it was made."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def data_key(self) -> str:
        """The key that encrypts devices' secrets here, made once: "local:" and base64 of 32 bytes."""
        path = self.path / "data.key"
        if not path.exists():
            text = "local:" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
            write_private(path, text)
        return path.read_text(encoding="ascii").strip()


def _take(lock: IO[str], path: Path) -> None:
    """Lock the open file. Where a cloud has crashed, wait for its emulator to save. Raises StateInUse."""
    deadline = time.monotonic() + SAVING_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip()
            if _runs(owner) or time.monotonic() > deadline:
                lock.close()
                raise StateInUse(
                    f"{path} is in use by process {owner or 'unknown'}: "
                    "stop that or choose another with --state"
                ) from error
            time.sleep(0.05)
        else:
            return


def _runs(owner: str) -> bool:
    try:
        os.kill(int(owner), 0)
    except (ProcessLookupError, ValueError):
        return not owner  # it is about to write its number
    except PermissionError:
        return True
    return True


def write_private(path: Path, text: str) -> None:
    """Replace the file by one that only its owner can read, as a whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
