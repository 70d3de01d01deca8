# SPDX-License-Identifier: GPL-3.0-or-later
"""
The page, as Chromium shows it, with and without script; and what other sites' pages try through a browser.
Screenshots are left in the build folder, page/*.png.
"""

import math
import os
import random
import re
import shutil
import threading
import time
import unittest

from browser import Browser
from engine import build
from lab import REPOSITORY, wait_until
from test_metrics import WEB, WebTest

HOME = f"http://{WEB}"
FOREIGN = "127.0.0.1:9555"
HOSTILE = """"'><img src=x onerror=document.title=1>&amp;"""
ATTACK = """HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n
<form id=f method=post action={home}/hosts><input name=token value={token}><input name=do value="{order}"></form>
<script>f.submit()</script>"""


class Page(WebTest):
    SETTINGS = {
        "web": {"listen": WEB},
        "rules": [{"pass": "passed.example"}, {"block": "blocked.example"}],
        "learn": {"approval": True},
        "log": {"level": "debug"},
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser, cls.mute = (Browser(cls.lab.appliance, cls.lab.folder / f"chromium-{has_script}", has_script)
            for has_script in (True, False))
        for browser in (cls.browser, cls.mute):
            cls.addClassCleanup(browser.close)
        cls.pictures = build() / "page"
        cls.pictures.mkdir(exist_ok=True)
        cls.token_file = cls.engine.folder / "web.token"
        cls.token = cls.token_file.read_text().strip()
        for host in ("plain.example", "passed.example", "blocked.example", *cls.asking):
            for _ in range(2):
                cls.lab.client.run("curl", "-4", "-s", "-o", cls.lab.folder / "body", "--cacert",
                    cls.lab.folder / "trusted.pem", f"https://{host}/", check=False)

    @classmethod
    def make_servers(cls):
        cls.pki.hostile = cls.pki.issue("hostile", cls.pki.root, subject=HOSTILE,
            extensions=("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign"))
        for host in ("plain.example", "passed.example", "blocked.example"):
            cls.nginx.site(host)
        cls.asking = ["approved.example", "forbidden.example", "kept.example", "forgotten.example",
            f"{'long' * 13}.example", "hostile.example"]
        for host in cls.asking:
            cls.nginx.requiring(host)
        hostile = cls.pki.server("hostile.example", issuer="hostile")
        cls.nginx.sites[-1] = re.sub(r"hostile\.example\.(chain|key)", lambda found: str(getattr(hostile, found[1]).name),
            cls.nginx.sites[-1])

    def await_entry(self, host, state):
        wait_until(lambda: (entry := self.entry(host)) and entry["state"] == state, f"{host} {state}")

    # --- reading ---

    def test_read_without_script(self):
        """All of it is there, as numbers and as pictures."""
        browser = self.mute
        browser.visit(HOME)
        page = browser.dom()
        self.assertIn('class="door armed"', page)
        self.assertEqual(page.count("<figure>"), 4)
        self.assertRegex(page, r"intercept</td><td>default</td><td class=\"n\">\d")
        self.assertRegex(page, r"block</td><td>rule</td>")
        self.assertIn("Last alerts", page)
        browser.visit(f"{HOME}/hosts")
        page = browser.dom()
        for host in set(self.asking) - {"forgotten.example"}:
            self.assertIn(f"<b>{host}</b>", page)
        self.assertRegex(page, r"probe, TLSv1\.[23]; issuer")
        self.assertEqual(browser.complaints(), [])

    def test_numbers_move(self):
        """With script, without being loaded again; the policy lets all of it through."""
        browser = self.browser
        browser.visit(HOME)
        browser.evaluate("window.mark = 1")
        count = ("+[...document.querySelectorAll('tr')].find(row => row.textContent.match(/intercept\\s*default/))"
            ".lastElementChild.textContent")
        before = browser.evaluate(count)
        self.curl("plain.example")
        wait_until(lambda: browser.evaluate(count) == before + 1, "the new number", 15)
        self.assertEqual(browser.evaluate("window.mark"), 1)
        self.assertEqual(browser.complaints(), [])

    def test_screenshots(self):
        """With POSTERN_WRITE in the environment the picture of doc/ is made, of five minutes of traffic."""
        is_written = "POSTERN_WRITE" in os.environ
        end = time.monotonic() + (300 if is_written else 1)
        while time.monotonic() < end:
            for host in random.choices(("plain.example", "passed.example", "approved.example", "blocked.example"),
                    (8, 3, 2, 1), k=1 + int(6 * (1 + math.sin(time.monotonic() / 30)))):
                self.curl(host)
        browser = self.browser
        for name, path, options in (("overview", "/", {}), ("overview-dark", "/", {"dark": True}),
                ("hosts", "/hosts", {}), ("hosts-dark", "/hosts", {"dark": True}), ("narrow", "/", {"width": 420}),
                ("hosts-narrow", "/hosts", {"width": 420})):
            browser.visit(HOME + path)
            picture = self.pictures / f"{name}.png"
            browser.screenshot(picture, **options)
            self.assertGreater(picture.stat().st_size, 10000)
            wide = browser.evaluate("document.documentElement.scrollWidth > innerWidth")
            self.assertFalse(wide, f"{name} is wider than its window")
            cut = browser.evaluate("[...document.querySelectorAll('section, figure')].some(one => "
                "one.scrollWidth > one.clientWidth)")
            self.assertFalse(cut, f"something in {name} is wider than its frame")
            browser.reset()
        if is_written:
            shutil.copy(self.pictures / "overview.png", REPOSITORY / "doc" / "page.png")

    def test_hostile_name(self):
        """What a certificate says is shown, and is no HTML."""
        browser = self.browser
        browser.visit(f"{HOME}/hosts?find=hostile")
        shown = browser.evaluate("document.querySelector('.evidence').textContent")
        self.assertIn(HOSTILE, shown.replace("\\", ""))  # as RFC 4514 writes names
        self.assertEqual(browser.evaluate("document.images.length"), 0)
        self.assertNotEqual(browser.evaluate("document.title"), "1")
        script = "%22%27%3E%3Cimg+src=x+onerror=document.title=1%3E"
        browser.visit(f"{HOME}/hosts?find={script}&state={script}&page={script}&said={script}")
        self.assertEqual(browser.evaluate("document.images.length"), 0)
        self.assertNotEqual(browser.evaluate("document.title"), "1")

    # --- changing ---

    def press(self, browser, verb, host, token=None):
        browser.visit(f"{HOME}/hosts?find={host}")
        if token is not None:
            browser.type_into("input[name=token]", token)
        browser.events.clear()
        browser.click(f'button[value^="{verb} "]')

    def test_approve_and_forbid(self):
        """A host that awaited approval is passed; one that is forbidden is not; with no script at all."""
        browser = self.mute
        for verb, host, state in (("approve", "approved.example", "approved"),
                ("forbid", "forbidden.example", "forbidden")):
            self.await_entry(host, "pending")
            self.press(browser, verb, host, self.token)
            browser.await_event("Page.loadEventFired")
            self.assertIn('role="status"', browser.dom())
            self.await_entry(host, state)
            event = self.engine.event("learned", state, host)
            self.assertEqual((event["entry"]["state"], event.get("flow_id")), (state, None))
        wait_until(lambda: self.curl("approved.example")[1]["fate"] == "pass", "the engine to hear of it")

    def test_forget(self):
        host = "forgotten.example"
        browser = self.browser
        self.press(browser, "forget", host, self.token)
        browser.await_event("Page.loadEventFired")
        self.assertIn("Forgotten", browser.dom())
        self.assertIsNone(self.entry(host))
        self.assertEqual(self.engine.event("learned", "forgotten", host)["entry"]["state"], "pending")

    def test_without_token(self):
        """Neither none nor another; the form itself does not go without one."""
        browser = self.browser
        self.press(browser, "approve", "kept.example", "0" * 64)
        browser.await_event("Page.loadEventFired")
        self.assertIn("The token is wrong", browser.dom())
        self.engine.await_message("an order came with a wrong token")
        order = self.order("approve", "kept.example")
        for fields in ((), ("-d", "token="), ("-d", f"token={self.token[:-1]}"), ("-d", f"token={self.token}0"),
                ("-d", f"token={self.token.upper()}")):
            status, body = self.post(order, *fields, token=None)
            self.assertEqual((status, "token is wrong" in body), (403, True), fields)
        self.assertEqual(self.entry("kept.example")["state"], "pending")

    def order(self, verb, host):
        return f"{verb} {self.address(host)} 443 {host}"

    def post(self, order, *options, token=""):
        """As curl would; with the right token unless it is None."""
        given = () if token is None else ("--data-urlencode", f"token={token or self.token}")
        return self.ask("/hosts", *given, "--data-urlencode", f"do={order}", *options)

    def test_wrong_orders(self):
        for order in ("", "approve", "approve 10.0.2.1", "approve 10.0.2.1 443", "destroy 10.0.2.1 443 kept.example",
                "approve 10.0.2.1 0x 1", "approve nowhere 443 kept.example", "approve 10.0.2.1 443 a b",
                "approve 10.0.2.1 443 " + "a" * 300, "x" * 2000):
            with self.subTest(order=order):
                self.assertEqual(self.post(order)[0], 400)
        self.assertEqual(self.post("approve 10.0.2.99 443 kept.example")[0], 303)  # no such entry: said on the page
        self.assertEqual(self.entry("kept.example")["state"], "pending")
        self.assertEqual(self.post("forget", "-d", "x=" + "y" * 9000)[0], 413)

    def test_no_token_is_read_only(self):
        with self.configured({"web": {"token": "none"}}):
            wait_until(lambda: self.ask("/hosts")[0] == 200 and "<button name" not in self.ask("/hosts")[1],
                "a page without buttons")
            self.assertEqual(self.post(self.order("approve", "kept.example"))[0], 403)
        wait_until(lambda: "<button name" in self.ask("/hosts")[1], "the buttons")

    def test_token_command(self):
        self.assertEqual(self.postern("web", "token").strip(), self.token)
        self.assertEqual(self.token_file.stat().st_mode & 0o777, 0o640)
        self.assertEqual(self.token_file.owner(), "nobody")

    # --- other sites ---

    def test_foreign_names(self):
        """DNS that leads another name here: refused, whatever is asked."""
        for host in ("evil.example", "evil.example:9443", "127.0.0.1.evil.example", "", "[::1", "localhost:x"):
            for path in ("/", "/metrics", "/healthz", "/page.js"):
                with self.subTest(host=host, path=path):
                    status = self.ask(path, "-H", f"Host: {host}" if host else "Host;")[0]
                    self.assertEqual(status, 421)
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9443", "10.0.1.1"):
            self.assertEqual(self.ask("/healthz", "-H", f"Host: {host}")[0], 200, host)
        with self.configured({"web": {"name": "box.example"}}):
            wait_until(lambda: self.ask("/healthz", "-H", "Host: box.example:9443")[0] == 200, "the name")
        wait_until(lambda: self.ask("/healthz")[0] == 200, "the page")

    def test_foreign_origins(self):
        order = self.order("approve", "kept.example")
        for header in ("Origin: http://evil.example", "Origin: null", f"Origin: http://{FOREIGN}", "Origin: file://",
                "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"):
            with self.subTest(header=header):
                status, body = self.post(order, "-H", header)
                self.assertEqual((status, body), (403, "Another site's page asked this.\n"))
        self.assertEqual(self.entry("kept.example")["state"], "pending")

    def test_foreign_form(self):
        """A page of another origin sends the form, and even knows the token."""
        listener = self.lab.appliance.listen(*FOREIGN.split(":")[:1], port=9555)
        self.addCleanup(listener.close)
        browser = self.browser
        def serve():
            end, _ = listener.accept()
            with end:
                end.recv(65536)
                end.sendall(ATTACK.format(home=HOME, token=self.token,
                    order=self.order("approve", "kept.example")).encode())

        threading.Thread(target=serve, daemon=True).start()
        browser.visit(f"http://{FOREIGN}/")
        wait_until(lambda: "Another site" in browser.dom(), "the refusal", 15)
        self.assertEqual(self.entry("kept.example")["state"], "pending")

    def test_headers(self):
        for path in ("/", "/hosts", "/metrics", "/healthz", "/page.css", "/nothing"):
            headers = self.ask(path, "-D", "-")[1].lower()
            for line in ("x-frame-options: deny", "x-content-type-options: nosniff", "default-src 'none'",
                    "frame-ancestors 'none'", "cache-control: no-store"):
                self.assertIn(line, headers, path)
            self.assertNotIn("access-control", headers)
            self.assertNotIn("unsafe", headers)

    def test_methods(self):
        for method, path, status in (("DELETE", "/", 405), ("PUT", "/hosts", 405), ("POST", "/", 405),
                ("POST", "/metrics", 405), ("GET", "/nothing", 404), ("GET", "/../etc/passwd", 404)):
            self.assertEqual(self.ask(path, "-X", method, "--path-as-is")[0], status, (method, path))
        self.assertEqual(self.ask("/healthz", "-I")[0], 200)

    def test_bounds(self):
        """What is too large is refused; and who keeps all connections busy does not keep them for long."""
        self.assertIn(self.ask("/", "-H", "X-Long: " + "x" * 60000)[0], (0, 400, 413, 431))
        ends = [self.lab.appliance.connect("127.0.0.1", 9443) for _ in range(40)]
        try:
            wait_until(lambda: self.ask("/healthz")[0] == 200, "an answer", 20)
        finally:
            for end in ends:
                end.close()
        wait_until(lambda: self.ask("/healthz")[0] == 200, "an answer", 20)


if __name__ == "__main__":
    unittest.main()
