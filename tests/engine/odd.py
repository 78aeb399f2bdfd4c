"""A data set and a task of a user's own, whose pictures are of all kinds, and some of which take their process along.

``make(folder)`` installs them there as a package of their own would be: processes find them by ``sys.path`` alone.
"""

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from harness.registry import registry

CODE: Final = '''
import ctypes, os, signal, time
from PIL import Image
from harness.spec.models import Model
from harness.tasks.qa import QaTask
from harness.types import Oracle, Request, Sample

MODES = ["RGB", "L", "P", "RGBA", "I;16", "F", "1", "CMYK"]

class Config(Model):
    count: int = 12
    faults: dict[str, str] = {}
    pause: float = 0.0
    modes: list[str] = MODES

class Local:
    """Nothing that can be pickled."""
    def __init__(self):
        self.lock = (lambda: 1)

class Picture:
    def __init__(self, number, fault, pause, modes):
        self.number, self.fault, self.pause, self.modes = number, fault, pause, modes
    def load(self):
        with open("log", "a") as log:
            log.write(f"{os.getpid()} {self.number}\\n")
        time.sleep(self.pause)
        fault = self.fault
        if fault in ("segfault", "exit", "kill", "hang", "interrupt") and os.getpid() == int(os.environ["ODD_PARENT"]):
            fault = ""
        if fault == "segfault":
            ctypes.string_at(0)
        if fault == "exit":
            os._exit(3)
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "hang":
            time.sleep(3600)
        while fault == "wait" and os.path.exists("wait"):
            time.sleep(0.02)
        if fault == "interrupt":
            raise KeyboardInterrupt
        if fault == "raise":
            raise ValueError("no picture")
        if fault == "memory":
            raise MemoryError("no room")
        if fault == "print":
            print("rubbish", flush=True)
            os.write(1, b"rubbish")
        mode = self.modes[self.number % len(self.modes)]
        image = Image.new(mode, (30 + self.number, 20))
        image.frombytes(bytes((i * (self.number + 7)) % 251 for i in range(len(image.tobytes()))))
        if mode == "P":
            image.putpalette(bytes(range(256)) * 4, "RGBA")
        image.info = {"number": self.number}
        if self.fault == "local":
            image.info["local"] = Local()
        return image

class Rows:
    Config = Config
    def __init__(self, config):
        self.config = config
    @classmethod
    def from_config(cls, config, folder, roots):
        return cls(config)
    def __len__(self):
        return self.config.count
    def __iter__(self):
        for i in range(self.config.count):
            picture = Picture(i, self.config.faults.get(f"r{i}", ""), self.config.pause, self.config.modes)
            yield Sample(f"r{i}", f"question {i}", (str(i),), (picture,), facts={"mood": i})
    def content_hash(self):
        return f"odd {self.config.count}"

class Task(QaTask):
    kind = "odd"
    def requests(self, cell, sample, *, oracle):
        image = sample.images[0].load()
        size = f"{image.mode} {image.size} {image.info['number']}"
        told = Oracle(sample.references, 0, sample.facts["mood"]) if oracle else None
        one = Request(f"{sample.id}/1", f"{size}?", (image,), oracle=told, part="one", times=(0.5,))
        mixed = ("a", 1, "b", 0, "c")
        two = Request(f"{sample.id}/2", "x", (image, image), oracle=told, part="two", interleaved=mixed)
        return (one, two)
'''
POINTS: Final = "[harness.datasets]\nodd = odd_plug_in:Rows\n[harness.tasks]\nodd = odd_plug_in:Task\n"


def make(folder: Path) -> None:
    """Put the plug-in into a folder that is, or will be, on ``sys.path``."""
    (folder / "odd_plug_in.py").write_text(CODE)
    info = folder / "odd_plug_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-plug-in\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put it there for this process, and for those that it starts, until the test is over."""
    make(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ODD_PARENT", str(os.getpid()))
    monkeypatch.delitem(sys.modules, "odd_plug_in", raising=False)
    for kind in ("datasets", "tasks"):
        monkeypatch.setattr(registry(kind), "_found", None)
