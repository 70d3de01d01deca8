# SPDX-License-Identifier: GPL-3.0-or-later
"""
The Debian package, installed on a box that systemd runs: a container whose files are this machine's
own, under a layer that takes all changes, and whose network is the lab's appliance.
"""

import json
import pathlib
import shutil
import subprocess
import threading
import time
import unittest

import clients
import lab
import servers
import wire
from engine import build, is_sanitized
from lab import wait_until
from pki import REAL_CA, Pki

CA = "Service CA"
UNITS = ("postern-rules.service", "postern.service")
USERS = {"posternd-engine": "postern", "posternd-fetch": "postern", "posternd-gate": "postern-gate",
    "postern-certgen": "postern-certgen"}
CAP_NET_ADMIN, CAP_NET_RAW = 1 << 12, 1 << 13
CAPABILITIES = {"posternd-engine": CAP_NET_RAW, "posternd-fetch": CAP_NET_RAW,
    "posternd-gate": CAP_NET_ADMIN, "postern-certgen": 0}

HOLD = """
    set -e
    mount -t tmpfs tmpfs {folder}
    mkdir {folder}/changes {folder}/work {folder}/root
    mount -t overlay overlay -o lowerdir=/,upperdir={folder}/changes,workdir={folder}/work {folder}/root
    cd {folder}/root
    rm -rf etc/systemd/system/*.wants/* etc/fstab
    touch {folder}/held
    exec sleep infinity
"""
BOOT = """
    set -e
    cd {folder}/root
    mount -t proc proc proc
    for each in run tmp dev; do mount -t tmpfs tmpfs $each; done
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/unified sys/fs/cgroup/systemd dev/pts dev/shm
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    for each in null zero full random urandom tty; do
        touch dev/$each
        mount --bind /dev/$each dev/$each
    done
    ln -s /proc/self/fd dev/fd
    exec chroot . env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
        /lib/systemd/systemd --system --unit=multi-user.target --show-status=no
"""


class Box:
    """The container. Its changes outlive a boot()."""

    def __init__(self, appliance, folder):
        self.appliance = appliance
        self.folder = folder
        self.init = None
        folder.mkdir()
        self.holder = appliance.start("unshare", "--mount", "sh", "-c", HOLD.format(folder=folder))
        wait_until(lambda: self.path("../held").exists(), "the layers of files")

    def path(self, name):
        """A file of the box, as seen from here."""
        return pathlib.Path("/proc", str(self.holder.pid), "root", str(self.folder / "root").lstrip("/"), name)

    def boot(self):
        self.init = self.appliance.start("nsenter", "--target", self.holder.pid, "--mount", "unshare", "--mount",
            "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "sh", "-c",
            BOOT.format(folder=self.folder))
        wait_until(lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip()
            in ("running", "degraded"), "the end of the boot", 60)

    def shut_down(self):
        self.init.kill()
        self.init.wait()

    def systemd(self):
        """Its process, as seen from here."""
        children = pathlib.Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def run(self, *command, check=True, timeout=60):
        pid = self.systemd()
        if pid is None:
            return subprocess.CompletedProcess(command, 1, "", "")
        done = subprocess.run(["nsenter", "--target", str(pid), "--all", "--root", "--wd", "env", "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", *map(str, command)], text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}")
        return done

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def status(self):
        return json.loads(self.run("postern", "status", "--json", check=False).stdout)

    def processes(self):
        """Of postern: name to pid, as seen inside."""
        rows = self.run("ps", "-eo", "comm=,pid=").stdout.splitlines()
        return {name: int(pid) for name, pid in map(str.split, rows) if name.startswith("postern")}

    def write(self, name, text):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def journal(self):
        return self.run("journalctl", "--no-pager", "-o", "cat", *(f"--unit={unit}" for unit in UNITS)).stdout


def make_package(folder):
    """As `./dev package` does."""
    subprocess.run(["cpack", "-G", "DEB", "--config", build() / "CPackConfig.cmake", "-B", folder], check=True,
        cwd=build(), stdout=subprocess.DEVNULL)
    return next(folder.glob("*.deb"))


def make_next_version(package, folder):
    """The same with a higher version."""
    subprocess.run(["dpkg-deb", "-R", package, folder], check=True)
    control = folder / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9:"))
    result = folder.with_suffix(".deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder, result], check=True, stdout=subprocess.DEVNULL)
    return result


@unittest.skipIf(is_sanitized(), "what is packaged is the release")
@unittest.skipUnless(shutil.which("systemctl"), "there is no systemd here")
class Service(unittest.TestCase):
    """One story, told in order."""

    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.remove)
        self.pki = Pki(self.lab.folder / "pki")
        self.nginx = servers.Nginx(self.lab, self.pki)
        self.nginx.site("plain.example", "keepalive_timeout 600s;")
        self.nginx.requiring("card.example")
        self.nginx.start()
        self.package = make_package(self.lab.folder / "package")
        self.box = Box(self.lab.appliance, self.lab.folder / "box")
        self.box.boot()
        self.addCleanup(self.box.shut_down)

    def test_the_life_of_a_package(self):
        for step in (self.check_package, self.install, self.start_without_a_ca, self.start, self.intercept,
                self.check_privileges, self.rotate, self.restart, self.starve_the_watchdog, self.upgrade, self.reboot,
                self.purge):
            with self.subTest(step=step.__name__):
                try:
                    step()
                except BaseException:
                    print(self.box.journal())
                    raise

    # --- what the steps need ---

    def copy(self, package):
        self.box.path("root").mkdir(exist_ok=True)
        shutil.copy(package, self.box.path("root"))
        return f"/root/{package.name}"

    def issuer(self, host="plain.example"):
        reply = clients.curl(self.lab, f"https://{host}/", timeout=10)
        self.assertEqual(reply.error, "")
        return reply.issuer

    def await_armed(self):
        wait_until(lambda: self.box.status()["door"] == "armed", "an armed door", 20)

    # --- the steps ---

    def check_package(self):
        if shutil.which("lintian"):
            subprocess.run(["lintian", "--fail-on", "error", self.package], check=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)

    def install(self):
        said = self.box.run("dpkg", "-i", self.copy(self.package)).stdout
        self.assertIn("postern ca init", said)
        for unit in UNITS:
            self.assertEqual(self.box.run("systemctl", "is-enabled", unit, check=False).stdout.strip(), "disabled")
        self.assertEqual(self.box.processes(), {})
        verified = self.box.run("systemd-analyze", "verify", *UNITS).stdout
        self.assertNotIn("postern", verified)
        exposure = self.box.run("systemd-analyze", "security", "--no-pager", "--threshold=35", "postern.service")
        self.assertIn("OK", exposure.stdout)

    def start_without_a_ca(self):
        self.box.run("systemctl", "start", "postern.service")
        self.assertEqual(self.box.property("postern.service", "ConditionResult"), "no")
        self.assertEqual(self.box.processes(), {})

    def start(self):
        self.box.run("postern", "ca", "init", "--subject", f"/CN={CA}")
        (self.lab.folder / "trusted.pem").write_text(
            self.pki.root.certificate.read_text() + self.box.path("etc/postern/ca.crt").read_text())
        shutil.copy(self.pki.root.certificate, self.box.path("etc/postern/roots.pem"))
        self.box.write("etc/postern/conf.d/test.yaml", "upstream: {trust_store: /etc/postern/roots.pem}\n")
        self.box.write("etc/default/postern", 'POSTERN_RULES="--lan lan0 --wan wan0"\n')
        self.box.run("postern", "check")
        self.box.run("systemctl", "enable", "--now", *UNITS)
        for unit in UNITS:
            self.assertEqual(self.box.property(unit, "ActiveState"), "active")
        self.await_armed()
        self.assertIn("door armed", self.box.property("postern.service", "StatusText"))

    def intercept(self):
        self.assertEqual(self.issuer(), CA)
        alice = self.pki.client("Alice")
        reply = clients.curl(self.lab, "https://card.example/", "--cert", alice.certificate, "--key", alice.key)
        self.assertEqual((reply.status, reply.issuer), (200, REAL_CA))
        log = self.box.path("var/log/postern/events.json")
        wait_until(lambda: self.fates(log) == ["intercept", "learn"], "both connections in the log")

    @staticmethod
    def fates(log):
        """Of the connections whose lines are whole."""
        events = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [event["fate"] for event in events if event["event_type"] == "connection"]

    def check_privileges(self):
        """Each process has its own user, one capability at most, no way to more, and a seccomp filter."""
        processes = self.box.processes()
        self.assertEqual(set(processes), {*USERS, "posternd"})
        for name, user in USERS.items():
            text = self.box.run("cat", f"/proc/{processes[name]}/status").stdout
            facts = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            for kind in ("CapPrm", "CapEff"):
                self.assertEqual(int(facts[kind], 16), CAPABILITIES[name], (name, kind))
            for kind in ("CapInh", "CapBnd", "CapAmb"):
                self.assertEqual(int(facts[kind], 16), 0, (name, kind))
            self.assertEqual((facts["NoNewPrivs"], facts["Seccomp"]), ("1", "2"), name)
            owner = self.box.run("ps", "-o", "user:32=", "-p", processes[name]).stdout.strip()
            self.assertEqual(owner, user)
        own = self.box.run("readlink", f"/proc/{processes['posternd']}/ns/net").stdout
        self.assertNotEqual(self.box.run("readlink", f"/proc/{processes['postern-certgen']}/ns/net").stdout, own)

    def rotate(self):
        self.box.run("logrotate", "--force", "/etc/logrotate.d/postern")
        wait_until(lambda: self.issuer() and self.box.path("var/log/postern/events.json").stat().st_size > 0,
            "a line in the new log")

    def restart(self):
        """systemd keeps the listeners meanwhile: nobody is refused, at no moment."""
        listeners = self.listeners()
        refusals, is_over = [], threading.Event()

        def knock():
            while not is_over.is_set():
                try:
                    self.lab.client.connect(self.lab.addresses["plain.example"][0], timeout=20).close()
                except ConnectionError as error:
                    refusals.append(error)
                time.sleep(0.005)

        visitor = threading.Thread(target=knock)
        visitor.start()
        try:
            self.box.run("systemctl", "restart", "postern.service")
            self.await_armed()
        finally:
            is_over.set()
            visitor.join()
        self.assertEqual(refusals, [])
        self.assertEqual(self.listeners(), listeners)
        self.assertEqual(self.issuer(), CA)
        self.box.run("systemctl", "reload", "postern.service")
        self.assertEqual(self.box.property("postern.service", "ActiveState"), "active")

    def listeners(self):
        """The very sockets, by their inodes."""
        rows = self.lab.appliance.run("ss", "-Hltne", "sport", "=", ":8443").stdout.splitlines()
        inodes = {word for row in rows for word in row.split() if word.startswith("ino:")}
        self.assertTrue(inodes)
        return inodes

    def starve_the_watchdog(self):
        """An engine that hangs is not waited for."""
        self.box.write("etc/systemd/system/postern.service.d/watchdog.conf", "[Service]\nWatchdogSec=2\n")
        self.box.run("systemctl", "daemon-reload")
        self.box.run("systemctl", "restart", "postern.service")
        self.await_armed()
        time.sleep(3)  # it is fed
        self.assertEqual(self.box.property("postern.service", "NRestarts"), "0")
        self.box.run("kill", "-STOP", self.box.status()["pids"]["engine"])
        wait_until(lambda: self.box.property("postern.service", "NRestarts") == "1", "systemd to start it again", 20)
        self.await_armed()
        self.assertEqual(self.issuer(), CA)
        shutil.rmtree(self.box.path("etc/systemd/system/postern.service.d"))
        self.box.run("systemctl", "daemon-reload")
        self.box.run("systemctl", "restart", "postern.service")
        self.await_armed()

    def upgrade(self):
        """The service goes on in the new program, a connection in the old one."""
        context = wire.client_context(self.lab.folder / "trusted.pem")
        address = self.lab.addresses["plain.example"][0]
        live = wire.TlsEnd(self.lab.client.connect(address), context, server_hostname="plain.example")
        before, main = self.box.status()["pids"], self.box.property("postern.service", "MainPID")
        newer = make_next_version(self.package, self.lab.folder / "next")
        self.assertIn("is being replaced", self.box.run("dpkg", "-i", self.copy(newer)).stdout)
        wait_until(lambda: self.box.status()["draining"] == 1, "the new engine", 20)
        after = self.box.status()["pids"]
        self.assertEqual(after["supervisor"], before["supervisor"])
        self.assertNotEqual(after["engine"], before["engine"])
        self.assertEqual(self.issuer(), CA)
        live.send(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIn(b"200 OK", live.receive_all())
        live.end.close()
        wait_until(lambda: self.box.status()["draining"] == 0, "the end of the old engine", 20)
        self.assertEqual(self.box.property("postern.service", "MainPID"), main)
        self.assertEqual(self.box.property("postern.service", "ActiveState"), "active")

    def reboot(self):
        """With the rules but without the service nothing slips through, from the first moment."""
        self.box.run("systemctl", "disable", "postern.service")
        self.box.shut_down()
        self.box.boot()
        order = self.box.property("postern-rules.service", "Before")
        self.assertIn("network-pre.target", order)
        with self.assertRaises(TimeoutError):
            self.lab.client.connect(self.lab.addresses["plain.example"][0], timeout=2)
        self.box.run("systemctl", "start", "postern.service")
        self.await_armed()
        self.assertEqual(self.issuer(), CA)

    def purge(self):
        self.box.run("dpkg", "--purge", "postern")
        self.assertEqual(self.box.processes(), {})
        self.assertEqual(self.issuer(), REAL_CA)
        for user in USERS.values():
            self.assertNotEqual(self.box.run("getent", "passwd", user, check=False).returncode, 0)
        for command in ("iptables-save", "ip6tables-save"):
            self.assertNotIn("postern", self.box.run(command).stdout)
        left = self.box.run("find", "/etc", "/usr", "/run", "/var/lib", "/var/log", "-xdev", "-iname", "*postern*",
            "-not", "-path", "/etc/netns/*").stdout.split()
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
