# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium without a window, told what to do by its DevTools protocol over a pair of pipes."""

import base64
import itertools
import json
import os
import select
import subprocess
import time

from lab import PATIENCE, wait_until


class Browser:
    """One page of a Chromium in a namespace of the lab."""

    def __init__(self, namespace, home, has_script=True):
        home.mkdir(exist_ok=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self._log = (home / "log").open("wb")
        self.process = namespace.start("bash", "-c",
            f'exec 3<&{to_browser} 4>&{from_browser}; exec chromium "$@"', "chromium",
            "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--hide-scrollbars",
            f"--user-data-dir={home}", f"--blink-settings=scriptEnabled={'true' if has_script else 'false'}",
            "about:blank", pass_fds=(to_browser, from_browser), env={**os.environ, "HOME": str(home),
            "TMPDIR": str(home)}, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        os.close(to_browser)
        os.close(from_browser)
        self._ids = itertools.count(1)
        self._rest = b""
        self.events = []
        self._session = None
        target = wait_until(self._find_page, "a page of Chromium", 30)
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        for end in (self._in, self._out):
            os.close(end)
        self._log.close()

    def _find_page(self):
        pages = self.call("Target.getTargets")["targetInfos"]
        return next((page["targetId"] for page in pages if page["type"] == "page"), None)

    def _receive(self, seconds):
        """The next message, or None when there is none in time."""
        deadline = time.monotonic() + seconds * PATIENCE
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            data = os.read(self._in, 1 << 16)
            if not data:
                raise EOFError("Chromium has ended")
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        number = next(self._ids)
        order = {"id": number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while message := self._receive(30):
            if message.get("id") == number:
                assert "result" in message, message
                return message["result"]
            self.events.append(message)
        raise TimeoutError(f"no answer to {method}")

    def await_event(self, method, seconds=20):
        """The first event of that kind since the last visit."""
        while True:
            for i, event in enumerate(self.events):
                if event.get("method") == method:
                    return self.events.pop(i)["params"]
            message = self._receive(seconds)
            if not message:
                raise TimeoutError(f"no event {method}")
            self.events.append(message)

    def visit(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.await_event("Page.loadEventFired")

    def dom(self):
        """The page as it is now, as HTML; also without script."""
        node = self.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        return self.call("DOM.getOuterHTML", nodeId=node)["outerHTML"]

    def evaluate(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def type_into(self, selector, text):
        node = self._find(selector)
        self.call("DOM.focus", nodeId=node)
        self.call("Input.insertText", text=text)

    def click(self, selector):
        """As a mouse does, in the middle of it."""
        node = self._find(selector)
        self.call("DOM.scrollIntoViewIfNeeded", nodeId=node)
        box = self.call("DOM.getBoxModel", nodeId=node)["model"]["content"]
        place = {"x": (box[0] + box[4]) / 2, "y": (box[1] + box[5]) / 2, "button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", **place)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **place)

    def _find(self, selector):
        root = self.call("DOM.getDocument", depth=0)["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        assert node, f"no {selector}"
        return node

    def screenshot(self, path, width=1280, height=None, dark=False):
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height or 900, deviceScaleFactor=1,
            mobile=False)
        if not height:
            height = int(self.call("Page.getLayoutMetrics")["cssContentSize"]["height"])
            self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                mobile=False)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def reset(self):
        self.call("Emulation.setEmulatedMedia", features=[])
        self.call("Emulation.clearDeviceMetricsOverride")

    def complaints(self):
        """What the console has of errors: broken scripts, what a policy refused."""
        return [event["params"] for event in self.events if event.get("method") == "Runtime.exceptionThrown"
            or event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"]
