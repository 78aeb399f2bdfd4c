"""A page that ``harness label`` serves, and keys that are pressed on it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import ROOT

Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start ``harness label`` in the module's ``folder`` and return it with its address; it ends with the test."""
    begun = []

    def go(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "harness", "label", *arguments, "--no-open"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        one = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        begun.append(one)
        assert one.stdout is not None
        one.stdout.readline()
        return one, one.stdout.readline().split()[0]

    yield go
    for one in begun:
        one.kill()
        one.communicate()


def press(browser, keys: str, done: int) -> None:  # type: ignore[no-untyped-def]
    """Press keys and wait until so many answers are kept."""
    ActionChains(browser).send_keys(keys).perform()
    WebDriverWait(browser, 20).until(
        lambda b: b.find_element(By.TAG_NAME, "body").get_attribute("data-done") == f"{done}"
    )
