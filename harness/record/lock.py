"""One process at a time on a run: a lock that the system takes back when its holder dies, however it dies."""

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Self

from harness.errors import UsageError
from harness.locate import near

LOCK_FILE: Final = "run.lock"


class Busy(UsageError):
    """Another process works on the run."""


class RunLock:
    """Holds a run's folder until it is closed or the process ends.

    Raises:
        Busy: if another process holds it, saying which.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / LOCK_FILE
        self._handle = self._take()
        self._handle.seek(0)
        self._handle.truncate()
        self._handle.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        self._handle.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, *, remove: bool = False) -> None:
        """Let others in; with ``remove`` the lock file goes too, because there is nothing left to work on."""
        if remove:
            self._file.unlink(missing_ok=True)
        if not self._handle.closed:
            with suppress(OSError):  # a disk that is full
                self._handle.truncate(0)  # nobody works on it any more, whether or not this process lives on
        self._handle.close()

    def _take(self) -> IO[str]:
        import fcntl

        while True:
            handle = self._file.open("a+", encoding="utf-8")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its last holder may have removed the file between our opening and locking it.
                if os.fstat(handle.fileno()).st_ino == self._file.stat().st_ino:
                    return handle
            except FileNotFoundError:
                pass
            except BlockingIOError as cause:
                raise Busy(f"{near(self._file.parent)} is being worked on by {_holder(handle)}") from cause
            handle.close()


def worked_on(folder: Path) -> bool | None:
    """Return whether a process works on a run, as far as this machine can tell; None where nothing tells.

    Nothing is locked for it: a run that begins at this moment must not meet a lock of somebody who only looks.
    """
    try:
        text = (folder / LOCK_FILE).read_text(encoding="utf-8")
        told = json.loads(text) if text else {}
        pid, host = told.get("pid"), told.get("host")
    except (OSError, ValueError, AttributeError):
        return None
    if pid is None:
        return False
    if host != socket.gethostname() or not isinstance(pid, int):
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _holder(handle: IO[str]) -> str:
    with handle:
        handle.seek(0)
        try:
            told = json.loads(handle.read())
            return f"process {told['pid']} on {told['host']}"
        except (ValueError, KeyError, TypeError):
            return "another process"
