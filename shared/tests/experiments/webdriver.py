"""The few WebDriver commands that a page test needs, over plain HTTP to chromedriver."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


class Browser:
    """A headless browser for one test.

    Args:
        profile: a folder for its files.
        size: window width and height in pixels.
        dark: ask pages for their dark colours.
    """

    def __init__(self, profile: Path, size: tuple[int, int] = (1200, 900), dark: bool = False) -> None:
        assert CHROMIUM is not None and DRIVER is not None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}"
        flags = [*_FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        if dark:
            flags.append("--blink-settings=preferredColorScheme=0")
        options = {"binary": CHROMIUM, "args": flags}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            self._wait_until_up()
            self._base += (
                "/session/" + self._post("session", capabilities={"alwaysMatch": wanted})["sessionId"]
            )
        except BaseException:
            self._driver.kill()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._send("DELETE", "", None)
        finally:
            self._driver.terminate()
            self._driver.wait(10)

    def open(self, page: Path) -> None:
        """Load a file and give its animation frames time to run."""
        self._post("url", url=page.resolve().as_uri())
        self.settle()

    def run(self, script: str) -> Any:
        """Run the body of a function in the page and give back what it returns."""
        return self._post("execute/sync", script=script, args=[])

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window."""
        self._post("window/rect", width=width, height=height)

    def settle(self) -> None:
        """Wait for two animation frames."""
        frames = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"
        self._post("execute/async", script=frames, args=[])

    def console(self) -> list[str]:
        """Console messages of any level since the last call."""
        return [entry["message"] for entry in self._post("se/log", type="browser")]

    def screenshot(self, path: Path) -> None:
        """Save what the window shows."""
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot", None)))

    def _wait_until_up(self) -> None:
        for _ in range(100):
            try:
                self._send("GET", "/status", None)
                return
            except urllib.error.URLError:
                time.sleep(0.1)
        raise TimeoutError("chromedriver did not start in 10 seconds")

    def _post(self, path: str, **body: Any) -> Any:
        return self._send("POST", "/" + path, body)

    def _send(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]
