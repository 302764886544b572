# SPDX-License-Identifier: BSD-3-Clause
"""An NBD server with one fault: faulty-server.py SOCKET READY FILE FAULT [NUMBER]

It serves a copy of the file, with structured replies, and writes its process to READY once clients
may connect.  The faults:

    half, none, twice   answers to reads have the first half of the bytes, none, or that half twice
    backwards           no fault: they come in six parts, the last one first, zeroes as holes
    eio NUMBER          the read of this number, from 1 and over all connections, fails
    slow-zero           a fast zero is done on the first connection, which ends at the first read,
                        and refused from then on
    no-zero             the same of every zero
"""

import os
import socket
import struct
import sys
import threading

READ, WRITE, DISCONNECT, FLUSH, ZERO = 0, 1, 2, 3, 6
FLAG_FAST_ZERO = 16
EXPORT_FLAGS = 1 | 1 << 2 | 1 << 6 | 1 << 11  # flags are there, flush, zero, fast zero
OPTION_GO, OPTION_STRUCTURED = 7, 8
ACK, INFO, UNSUPPORTED = 1, 3, 0x80000001
EIO, ENOTSUP = 5, 95
NO_DATA, DATA, HOLE, ERROR = 0, 1, 2, 0x8001
LAST = 1

path, ready, name, fault = sys.argv[1:5]
number = int(sys.argv[5]) if len(sys.argv) > 5 else 0
with open(name, "rb") as file:
    disk = bytearray(file.read())
lock = threading.Lock()
reads = 0


class Connection:
    def __init__(self, client, is_first):
        self.client = client
        self.is_first = is_first

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.client.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def shake_hands(self):
        self.client.sendall(b"NBDMAGICIHAVEOPT\0\3")
        self.take(4)
        while True:
            option, length = struct.unpack(">8xII", self.take(16))
            self.take(length)
            if option == OPTION_GO:
                export = struct.pack(">HQH", 0, len(disk), EXPORT_FLAGS)
                self.answer_option(option, INFO, export)
            known = option in (OPTION_GO, OPTION_STRUCTURED)
            self.answer_option(option, ACK if known else UNSUPPORTED, b"")
            if option == OPTION_GO:
                return

    def answer_option(self, option, kind, data):
        head = struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data))
        self.client.sendall(head + data)

    def answer(self, cookie, error):
        self.client.sendall(struct.pack(">II", 0x67446698, error) + cookie)

    def chunk(self, cookie, flags, kind, data):
        head = struct.pack(">IHH", 0x668E33EF, flags, kind) + cookie
        self.client.sendall(head + struct.pack(">I", len(data)) + data)

    def data(self, cookie, offset, end):
        self.chunk(cookie, 0, DATA, struct.pack(">Q", offset) + disk[offset:end])

    def read(self, cookie, offset, length):
        global reads
        reads += 1
        half = offset + length // 2
        if fault == "eio" and reads == number:
            self.chunk(cookie, LAST, ERROR, struct.pack(">IH", EIO, 0))
            return
        if fault == "backwards":
            self.read_backwards(cookie, offset, offset + length)
        elif fault in ("half", "twice"):
            for _ in range(2 if fault == "twice" else 1):
                self.data(cookie, offset, half)
        elif fault != "none":
            self.data(cookie, offset, offset + length)
        self.chunk(cookie, LAST, NO_DATA, b"")

    def read_backwards(self, cookie, offset, end):
        part = (end - offset) // 6 + 1
        for start in reversed(range(offset, end, part)):
            stop = min(end, start + part)
            if any(disk[start:stop]):
                self.data(cookie, start, stop)
            else:
                self.chunk(cookie, 0, HOLE, struct.pack(">QI", start, stop - start))

    def zero(self, cookie, flags, offset, length):
        is_slow = fault == "no-zero" or (fault == "slow-zero" and flags & FLAG_FAST_ZERO)
        if is_slow and not self.is_first:
            self.answer(cookie, ENOTSUP)
            return
        if not is_slow or not self.is_first:  # what was not flushed is lost with the connection
            disk[offset : offset + length] = bytes(length)
        self.answer(cookie, 0)

    def serve(self):
        while True:
            flags, kind, cookie, offset, length = struct.unpack(">4xHH8sQI", self.take(28))
            data = self.take(length) if kind == WRITE else b""
            hangs_up = self.is_first and fault.endswith("zero") and kind == READ
            if kind == DISCONNECT or hangs_up:
                return
            with lock:
                if kind == READ:
                    self.read(cookie, offset, length)
                elif kind == ZERO:
                    self.zero(cookie, flags, offset, length)
                else:
                    disk[offset : offset + len(data)] = data
                    self.answer(cookie, 0)

    def run(self):
        try:
            self.shake_hands()
            self.serve()
        except (EOFError, OSError):
            pass
        self.client.close()


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(16)
with open(ready, "w") as file:
    file.write(str(os.getpid()))
listener.settimeout(1)
parent = os.getppid()
is_first = True
while os.getppid() == parent:  # it ends with the test
    try:
        client = listener.accept()[0]
    except TimeoutError:
        continue
    client.settimeout(None)
    connection = Connection(client, is_first)
    is_first = False
    threading.Thread(target=connection.run, daemon=True).start()
