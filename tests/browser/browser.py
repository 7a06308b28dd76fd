"""What the tests in a real browser share: whether there is one, the app on a port of its own, and when a page has settled."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 240_000  # ms: the machine may be training a model at the same time
NEEDED = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.skipif(
        not (ROOT / "assets" / "models" / "prosqa" / "model_set.json").exists(),
        reason="the shipped model set is not there",
    ),
]


@contextmanager
def running_app() -> Iterator[str]:
    """The address of the app on a free port; stopped by its own process handle."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port)]
    with subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *options],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            _wait_for(f"http://localhost:{port}/_stcore/health", server)
            yield f"http://localhost:{port}"
        finally:
            server.terminate()


def _wait_for(url: str, server: subprocess.Popen) -> None:
    for _ in range(PATIENCE // 500):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, "the app did not start"
            time.sleep(0.5)
    raise AssertionError("the app did not answer")


@contextmanager
def chromium(playwright) -> Iterator:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
    yield browser
    browser.close()


def settled(page) -> None:
    """The script has finished, and has stayed finished (the map may arrive a moment later)."""
    for _ in range(2):
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_timeout(1500)
