"""A plugin for pytest: what `fido2.hid` finds and opens are the sockets in the folder KEYWRIGHT_KEYS, one a key that is plugged in.

A socket carries the reports of CTAPHID, 64 bytes each, as they would go to and from a node of the kernel.
"""

import os
import socket
from pathlib import Path

from fido2 import hid
from fido2.hid.base import CtapHidConnection, HidDescriptor

KEYS = Path(os.environ["KEYWRIGHT_KEYS"])
REPORT = 64


class SocketConnection(CtapHidConnection):
    def __init__(self, descriptor):
        self.socket = socket.socket(socket.AF_UNIX)
        # Longer than any touch is waited for: a key that says nothing fails its test and does not hang it.
        self.socket.settimeout(40)
        self.socket.connect(descriptor.path)

    def read_packet(self):
        report = self.socket.recv(REPORT, socket.MSG_WAITALL)
        if len(report) != REPORT:
            raise OSError("the key is gone")
        return report

    def write_packet(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.close()


def get_descriptor(path):
    return HidDescriptor(path, 0, 0, REPORT, REPORT, "key on a socket", None)


hid.get_descriptor = get_descriptor
hid.list_descriptors = lambda: [get_descriptor(str(path)) for path in KEYS.iterdir()]
hid.open_connection = SocketConnection
