"""What a thread frees stays in the process, so that the next batch need not ask the system for it."""

import os
import platform
import subprocess
import sys

import pytest

from harness.hosts import freed

CHURN = """
import ctypes, resource, threading
from harness.hosts.freed import keep_freed
assert keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
faults = lambda: resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
counts = []

def batch():
    blocks = [libc.malloc(4 << 20) for _ in range(4)]
    for block in blocks:
        ctypes.memset(block, 1, 4 << 20)
    for block in reversed(blocks):
        libc.free(block)

def work():
    for _ in range(4):
        before = faults()
        batch()
        counts.append(faults() - before)

thread = threading.Thread(target=work)
thread.start()
thread.join()
print(counts[-1])
"""
PAGES = (16 << 20) // 4096
"""Of one batch."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own")
def test_the_next_batch_finds_the_memory_of_the_last() -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CHURN], capture_output=True, text=True, check=True, env=environment)
    assert int(done.stdout) < PAGES / 16


def test_who_says_otherwise_in_the_environment_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not freed.keep_freed()


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    for name in freed._SAID:
        monkeypatch.delenv(name, raising=False)
    assert not freed.keep_freed()
