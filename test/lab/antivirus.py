# SPDX-License-Identifier: GPL-3.0-or-later
"""c-icap with ClamAV beside the engine, knowing one signature: the EICAR string's, which is no virus."""

import os
import pathlib
import signal
import subprocess

from lab import endpoint, wait_until

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "Lab.Eicar.UNOFFICIAL"
PORT = 1344
URL = f"icap://127.0.0.1:{PORT}/virus_scan"

CLAMD = """
LocalSocket {folder}/clamd.socket
DatabaseDirectory {folder}/signatures
LogFile {folder}/clamd.log
TemporaryDirectory {folder}
Foreground yes
User root
"""
C_ICAP = """
PidFile {folder}/c-icap.pid
CommandsSocket {folder}/c-icap.ctl
Port 127.0.0.1:{port}
ModulesDir {modules}
ServicesDir {modules}
TemplateDir /usr/share/c_icap/templates/
LoadMagicFile /etc/c-icap/c-icap.magic
TmpDir {folder}
ServerLog {folder}/server.log
AccessLog {folder}/access.log
StartServers 1
MaxServers 1
ThreadsPerChild 20
Service antivirus virus_scan.so
Module common clamd_mod.so
clamd_mod.ClamdSocket {folder}/clamd.socket
virus_scan.DefaultEngine clamd
virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE
virus_scan.SendPercentData 5
virus_scan.StartSendPercentDataAfter 1000M
virus_scan.MaxObjectSize 64M
"""


class Antivirus:
    def __init__(self, lab):
        self.lab = lab
        self.folder = lab.folder / "antivirus"
        (self.folder / "signatures").mkdir(parents=True)
        (self.folder / "signatures" / "lab.ndb").write_text(f"Lab.Eicar:0:*:{EICAR.hex()}\n")
        modules = next(pathlib.Path("/usr/lib").glob("*/c_icap"))
        for name, text in (("clamd.conf", CLAMD), ("c-icap.conf", C_ICAP)):
            (self.folder / name).write_text(text.format(folder=self.folder, port=PORT, modules=modules))
        self._start("clamd", "clamd", "-c", self.folder / "clamd.conf")
        wait_until((self.folder / "clamd.socket").exists, "clamd listens", 60)
        self.server = None
        self.start()

    def _start(self, name, *command):
        with (self.folder / f"{name}.output").open("ab") as output:
            return self.lab.appliance.start(*command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def start(self):
        self.server = self._start("c-icap", "c-icap", "-N", "-f", self.folder / "c-icap.conf")
        wait_until(lambda: endpoint("127.0.0.1", PORT) in self.lab.appliance.listening(), "c-icap listens", 30)

    def stop(self):
        """Its locks are files in /tmp, wherever all else of it is, and only a polite end would remove them."""
        links = (os.path.realpath(link) for link in pathlib.Path(f"/proc/{self.server.pid}/fd").iterdir())
        locks = [path for path in links if path.startswith("/tmp/icap_lock_")]
        os.killpg(self.server.pid, signal.SIGKILL)  # asked to end, it takes ten seconds
        self.server.wait()
        for path in locks:
            os.unlink(path)

    def asked(self):
        """What it was asked so far: lines of its log."""
        log = self.folder / "access.log"
        return log.read_text().splitlines() if log.exists() else []
