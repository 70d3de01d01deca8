# SPDX-License-Identifier: GPL-3.0-or-later
"""postern-kernel: whether what it says of this kernel is true, whatever shell and tools there are."""

import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from lab import REPOSITORY, Namespace, wait_until

FOLDER = REPOSITORY / "kmod-config"
KERNEL = FOLDER / "postern-kernel"
YOCTO = FOLDER / "yocto/recipes-kernel/linux/linux-yocto"
SHIPPED = {
    "kconfig/postern.config": ("config",),
    "yocto/recipes-kernel/linux/linux-yocto/postern.cfg": ("config",),
    "modules-load.d/postern.conf": ("modules",),
    "openwrt/iptables.config": ("openwrt", "--backend", "iptables"),
    "openwrt/nftables.config": ("openwrt", "--backend", "nftables"),
}
# What the script takes of any machine, and what it tries with.
BASE = ("sh", "cat", "fold", "grep", "gzip", "modprobe", "readlink", "sed", "tr", "true", "uname", "unshare", "zcat")
TOOLS = ("ip", "iptables", "ip6tables", "ipset", "nft", "perl")
BUSYBOX = shutil.which("busybox")
IPV6_TRANSPARENT = 75
TCP_ULP = 31
NETLINK_NETFILTER = 12


def run(*arguments, before=(), program=KERNEL, **options):
    return subprocess.run([*before, program, *arguments], text=True, timeout=60, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def check(*arguments, **options):
    """(what it says, exit code)"""
    done = run("check", "--json", *arguments, **options)
    report = json.loads(done.stdout)
    report["answers"] = {ability["id"]: ability["answer"] for ability in report["abilities"]}
    return report, done.returncode


def state():
    """Of this machine, as far as postern-kernel could touch it."""
    commands = (("ip", "netns"), ("ip", "-o", "link"), ("ip", "rule"), ("ip", "-6", "rule"),
        ("ip", "route", "show", "table", "all"), ("ipset", "list", "-n"), ("nft", "list", "ruleset"),
        ("iptables-legacy-save",), ("ip6tables-legacy-save",))
    said = [subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for command in commands]
    # Other tests may run at the same time: namespaces of theirs are not ours.
    said[0] = [line for line in said[0].splitlines() if line.startswith("postern-kernel")]
    said[1] = re.findall(r"probe\d", said[1])
    return [re.sub(r"\[\d+:\d+\]|^#.*$", "", text, flags=re.M) if isinstance(text, str) else text for text in said]


class Machine:
    """A folder of commands to be the PATH: this machine with fewer tools."""

    def __init__(self, case, tools, shell=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-kernel-"))
        case.addCleanup(shutil.rmtree, self.folder)
        if shell == "busybox":
            subprocess.run([BUSYBOX, "--install", "-s", self.folder], check=True)
            (self.folder / "ip").unlink(missing_ok=True)
        else:
            self.link(*BASE)
        self.link(*tools)
        self.shell = [BUSYBOX, "sh"] if shell == "busybox" else ["/bin/sh"]

    def link(self, *tools):
        for tool in tools:
            found = shutil.which(tool)
            if found:
                (self.folder / tool).symlink_to(found)

    def without(self, *tools):
        for tool in tools:
            (self.folder / tool).unlink()
        return self

    def options(self):
        return {"before": self.shell, "env": {"PATH": str(self.folder)}}


class Probes(unittest.TestCase):
    """The same questions, asked by other means."""

    @classmethod
    def setUpClass(cls):
        cls.report, cls.code = check()
        cls.namespace = Namespace(f"probe-{os.getpid()}")
        cls.addClassCleanup(cls.namespace.remove)

    def assert_answer(self, ability, truth):
        self.assertEqual(self.report["answers"][ability], "yes" if truth else "no")

    def loads(self, *command, **options):
        return self.namespace.run(*command, check=False, **options).returncode == 0

    def test_ready(self):
        self.assertEqual(self.code, 0 if True in self.report["ready"].values() else 1)
        for backend in ("iptables", "nftables"):
            missing = [ability["id"] for ability in self.report["abilities"] if ability["level"] == "essential"
                and ability["rules"] in ("all", backend) and ability["answer"] not in ("yes", "unneeded")]
            self.assertEqual(self.report["ready"][backend], not missing, missing)

    def test_keys(self):
        self.assertEqual(self.report["kernel"], os.uname().release)
        ids = [ability["id"] for ability in self.report["abilities"]]
        self.assertEqual(len(ids), len(set(ids)))
        for ability in self.report["abilities"]:
            with self.subTest(ability=ability["id"]):
                self.assertEqual(" ".join(ability),
                    "id name level rules answer message kconfig modules debian openwrt lost")
                self.assertIn(ability["level"], ("essential", "feature", "information"))
                self.assertIn(ability["rules"], ("all", "iptables", "nftables"))
                self.assertTrue(ability["lost"])
                self.assertEqual(bool(ability["message"]), ability["answer"] != "yes", ability)
                for symbol in ability["kconfig"]:
                    self.assertRegex(symbol["symbol"], "^[A-Z0-9_]+$")
                    self.assertIn(symbol["wanted"], ("y", "m"))
                    self.assertIn(symbol["value"], ("y", "m", "n", None))

    def test_configuration(self):
        """The values of symbols are those of /proc/config.gz, and what is built in is not missing."""
        try:
            lines = subprocess.run(["zcat", "/proc/config.gz"], check=True, text=True, capture_output=True).stdout
        except subprocess.CalledProcessError:
            self.skipTest("this kernel does not tell its configuration")
        configured = dict(re.findall(r"^CONFIG_(\w+)=([ym])$", lines, re.M))
        for ability in self.report["abilities"]:
            with self.subTest(ability=ability["id"]):
                for symbol in ability["kconfig"]:
                    self.assertEqual(symbol["value"], configured.get(symbol["symbol"], "n"))
                if ability["answer"] == "no":
                    self.assertIn("n", [symbol["value"] for symbol in ability["kconfig"]])

    def test_transparent_sockets(self):
        for ability, family, level, option, address in (
                ("transparent-4", socket.AF_INET, socket.SOL_IP, socket.IP_TRANSPARENT, "192.0.2.1"),
                ("transparent-6", socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_TRANSPARENT, "2001:db8::1")):
            with self.subTest(ability=ability), self.namespace.socket(family) as end:
                end.setsockopt(level, option, 1)
                end.bind((address, 0))
                self.assert_answer(ability, True)

    def test_queue(self):
        """What binds one is a message to nfnetlink: NFQNL_MSG_CONFIG with NFQNL_CFG_CMD_BIND."""
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as end:
            end.settimeout(5)
            end.send(struct.pack("=LHHLLBB", 28, 0x302, 5, 1, 0, 0, 0) + struct.pack(">H", 65000) +
                struct.pack("=HHBBH", 8, 1, 1, 0, 0))
            error = struct.unpack_from("=l", end.recv(4096), 16)[0]
        self.assert_answer("queue", error == 0)

    def test_rules(self):
        for tool, family in (("iptables", 4), ("ip6tables", 6)):
            gateway = {4: "192.0.2.1", 6: "2001:db8::1"}[family]
            for ability, rule in (("tproxy", "-t mangle -A PREROUTING -p tcp -j TPROXY --on-port 1"),
                    ("tee", f"-t mangle -A PREROUTING -j TEE --gateway {gateway}"),
                    ("queue", "-t raw -A PREROUTING -j NFQUEUE --queue-num 1 --queue-bypass"),
                    ("socket", "-t raw -A PREROUTING -m socket --restore-skmark")):
                with self.subTest(ability=ability, family=family):
                    self.assert_answer(f"ipt-{ability}-{family}", self.loads(tool, *rule.split()))

    def test_nftables(self):
        for ability, rule in (("nft-queue", "queue flags bypass to 1"), ("nft-fib", "fib saddr type local"),
                ("nft-tproxy", "meta l4proto tcp tproxy to :1"),
                ("nft-reject", "meta l4proto udp reject with icmpx port-unreachable")):
            with self.subTest(ability=ability):
                text = f"table inet {ability} {{ chain c {{ type filter hook prerouting priority 0; {rule}; }}; }}"
                self.assert_answer(ability, self.loads("nft", "-f", "-", input=text))
        for ability, family, gateway in (("nft-dup-4", "ip", "192.0.2.1"), ("nft-dup-6", "ip6", "2001:db8::1")):
            text = f"table {family} t {{ chain c {{ type filter hook output priority 0; dup to {gateway}; }}; }}"
            self.assert_answer(ability, self.loads("nft", "-f", "-", input=text))
        self.assert_answer("nft-flowtable", self.loads("nft", "-f", "-", input="table inet flow { flowtable f "
            "{ hook ingress priority 0; devices = { lo }; }; }"))

    def test_sets(self):
        for ability, kind in (("ipset-port", "bitmap:port range 1-9 timeout 3 counters"),
                ("ipset-ip-6", "hash:ip family inet6 timeout 9")):
            self.assert_answer(ability, self.loads("ipset", "create", ability, *kind.split()))

    def test_devices(self):
        self.assert_answer("veth", self.loads("ip", "link", "add", "veth8", "type", "veth", "peer", "name", "veth9"))
        self.assert_answer("nft-bridge", self.loads("nft", "add table bridge b"))

    def test_kernel_tls(self):
        """A socket that is not connected cannot have it: that is another error than that there is none."""
        with self.namespace.socket(socket.AF_INET) as end, self.assertRaises(OSError) as raised:
            end.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
        self.assert_answer("ktls", raised.exception.errno == errno.ENOTCONN)


class Elsewhere(unittest.TestCase):
    """On machines that have less."""

    def test_without_a_tool(self):
        for missing, ability, ready in (("nft", "nft-table", "nftables"), ("ipset", "ipset-port", "iptables"),
                ("ip6tables", "ipt-tproxy-6", "iptables")):
            with self.subTest(missing=missing):
                report, code = check(**Machine(self, TOOLS).without(missing).options())
                self.assertEqual(report["answers"][ability], "tool")
                other = {"iptables": "nftables", "nftables": "iptables"}[ready]
                self.assertEqual((report["ready"][ready], report["ready"][other], code), (False, True, 0))

    def test_without_tools(self):
        machine = Machine(self, ())
        report, code = check(**machine.options())
        self.assertEqual(code, 1)
        self.assertEqual(report["answers"]["routing-4"], "tool")
        self.assertEqual(report["answers"]["ipt-set"], "tool")
        self.assertNotIn("denied", report["answers"].values())
        table = run("check", **machine.options()).stdout
        self.assertIn("iptables: not installed", table)
        self.assertEqual(table.count("OpenWrt: kmod-nft-core nftables-json"), 1)
        self.assertIn("ready with iptables: no, with nftables: no", table)

    def test_extension_of_iptables_missing(self):
        """OpenWrt has a package for each; the kernel is not to blame."""
        machine = Machine(self, TOOLS)
        options = machine.options()
        options["env"]["XTABLES_LIBDIR"] = str(machine.folder)
        report, _ = check(**options)
        self.assertEqual(report["answers"]["ipt-tproxy-4"], "tool")
        self.assertEqual(report["answers"]["nft-tproxy"], "yes")

    def test_without_perl(self):
        report, code = check(**Machine(self, TOOLS).without("perl").options())
        self.assertEqual(code, 0)
        for ability in report["abilities"]:
            if ability["id"] in ("transparent-4", "transparent-6", "queue"):
                self.assertEqual(ability["answer"], "yes")
                self.assertIn("not tried", ability["message"])

    def test_without_unshare(self):
        """The namespace then has a name, which goes."""
        machine = Machine(self, TOOLS).without("unshare")
        whole, _ = check()
        before = state()
        report, code = check(**machine.options())
        self.assertEqual((report["answers"], code), (whole["answers"], 0))
        self.assertEqual(state(), before)
        machine.without("ip")
        done = run("check", **machine.options())
        self.assertEqual(done.returncode, 2)
        self.assertIn("network namespace", done.stderr)

    @unittest.skipUnless(BUSYBOX, "no busybox")
    def test_busybox(self):
        whole, _ = check()
        for tools in (TOOLS, ()):
            with self.subTest(tools=tools):
                report, code = check(**Machine(self, tools, shell="busybox").options())
                self.assertEqual(code, 0 if tools else 1)
                if tools:
                    self.assertEqual(report["answers"], whole["answers"])
                else:
                    self.assertEqual(report["answers"]["veth"], "tool")

    def test_without_net_admin(self):
        report, code = check(before=("setpriv", "--bounding-set", "-net_admin"))
        self.assertEqual(code, 2)
        self.assertEqual(report["ready"], {"iptables": False, "nftables": False})
        for ability in ("net-admin", "transparent-4", "routing-6", "ipt-tproxy-4", "ipset-port", "queue", "nft-table"):
            self.assertEqual(report["answers"][ability], "denied", ability)
        self.assertNotIn("tool", report["answers"].values())

    def test_without_capabilities(self):
        with tempfile.TemporaryDirectory() as folder:  # which it may enter, wherever this checkout lies
            os.chmod(folder, 0o755)
            shutil.copy(KERNEL, folder)
            shutil.copy(FOLDER / "abilities", folder)
            done = run("check", program=pathlib.Path(folder) / KERNEL.name,
                before=("setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all"))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("no permission", done.stderr)


class Script(unittest.TestCase):
    def test_table(self):
        done = run("check")
        report, code = check()
        self.assertEqual(done.returncode, code)
        lines = done.stdout.splitlines()
        self.assertLessEqual(max(map(len, lines[1:])), 80)
        for ability in report["abilities"]:
            answer = "yes" if ability["answer"] == "yes" else "NO"
            self.assertRegex(done.stdout, f"(?m)^  {re.escape(ability['name'])} +{answer}")
        essential = lines[:lines.index("Features")]
        if set(report["ready"].values()) == {True}:
            self.assertLessEqual(len(essential), 40)
        self.assertRegex(lines[-1], r"^ready with iptables: (yes|no), with nftables: (yes|no) \(queue: (yes|no)\)$")

    def test_one_backend(self):
        for backend, other in (("iptables", "nftables"), ("nftables", "iptables")):
            report, _ = check("--backend", backend)
            self.assertNotIn(other, {ability["rules"] for ability in report["abilities"]})
            self.assertIsNone(report["ready"][other])
            self.assertIsNotNone(report["ready"][backend])

    def test_leaves_nothing(self):
        before = state()
        for _ in range(2):
            run("check")
        self.assertEqual(state(), before)

    def test_killed(self):
        """Whenever that is."""
        machine = Machine(self, TOOLS).without("unshare")
        before = state()
        for options in ({"before": ()}, machine.options()):
            for end, delay in ((signal.SIGTERM, 0.1), (signal.SIGTERM, 0.2), (signal.SIGINT, 0.1),
                    (signal.SIGHUP, 0.05)):
                with self.subTest(options=options, end=end, delay=delay):
                    command = [*options["before"], KERNEL, "check"]
                    with subprocess.Popen(command, env=options.get("env"), stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True) as process:
                        time.sleep(delay)
                        process.send_signal(end)
                        process.wait(10)
                    wait_until(lambda session=process.pid: not _processes_of(session), "the end of what it started")
                    self.assertEqual(state(), before)

    def test_by_a_link(self):
        with tempfile.TemporaryDirectory() as folder:
            link = pathlib.Path(folder, "postern-kernel")
            link.symlink_to(KERNEL)
            done = subprocess.run([link, "config"], check=True, text=True, capture_output=True, cwd="/")
        self.assertEqual(done.stdout, (FOLDER / "kconfig/postern.config").read_text())

    def test_shipped_files(self):
        """They are what the script prints: in kmod-config, run  ./postern-kernel VERB > FILE."""
        for file, verb in SHIPPED.items():
            with self.subTest(file=file):
                self.assertEqual((FOLDER / file).read_text(), run(*verb).stdout)

    def test_openwrt_dependencies(self):
        """The variables of postern.mk name the packages of the fragments."""
        text = (FOLDER / "openwrt/postern.mk").read_text().replace("\\\n", " ")
        for backend in ("iptables", "nftables"):
            variable = re.search(rf"^POSTERN_DEPENDS_{backend.upper()}:=(.*)$", text, re.M).group(1)
            named = {word.split(":")[-1].lstrip("+") for word in variable.split()}
            fragment = (FOLDER / f"openwrt/{backend}.config").read_text()
            self.assertEqual(named, set(re.findall(r"^CONFIG_PACKAGE_(.*)=y$", fragment, re.M)))

    def test_modules_of_rules(self):
        """What postern.iptables names is in the list of modules."""
        rules = (REPOSITORY / "rules/postern.iptables").read_text()
        modules = (FOLDER / "modules-load.d/postern.conf").read_text().splitlines()
        matches = set(re.findall(r" -m (\w+)", rules)) - {"tcp", "udp"}
        targets = set(re.findall(r" -j ([A-Z]+)\b", rules)) - {"ACCEPT", "DROP", "RETURN", "POSTERN", "REJECT"}
        self.assertIn("socket", matches)
        for name in matches | {"CT", "TPROXY"} | targets:
            name = {"MARK": "mark", "CONNMARK": "connmark"}.get(name, name)
            self.assertIn(f"xt_{name}", modules)

    def test_mistakes(self):
        for arguments, text in (((), "usage"), (("probe",), "usage"), (("check", "--fast"), "no such option"),
                (("check", "--backend"), "iptables, nftables or all"),
                (("config", "--backend", "ipfw"), "iptables, nftables or all")):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(text, done.stderr)
        self.assertIn("usage", run("--help").stdout)


def _processes_of(session):
    return subprocess.run(["ps", "-o", "pid=", "-s", str(session)], check=False, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    unittest.main()
