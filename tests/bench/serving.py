# SPDX-License-Identifier: BSD-3-Clause
"""serving.py - one run of a client (fio) against a server: the plugin in nbdkit, or qemu-nbd

The wall time is the client's, of its requests alone; processor time and memory are the server's.
"""

import json
import os
import signal
import subprocess
import time

from measuring import Failed, Run

CLOCK = os.sysconf("SC_CLK_TCK")
PATIENCE = 30  # seconds until a server listens


def start(side, image, socket):
    if os.path.exists(socket):
        os.unlink(socket)
    if side == "ours":
        words = ["nbdkit", "--foreground", "--unix", socket, os.environ["QCOW2_PLUGIN"], "file=" + image]
    else:
        words = ["qemu-nbd", "--persistent", "--shared=0", "--format=qcow2", "--socket=" + socket, image]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(socket):
        if server.poll() is not None or time.monotonic() > deadline:
            raise Failed("%s does not serve %s" % (words[0], image))
        time.sleep(0.01)
    return server


def processor_time(process):
    with open("/proc/%d/stat" % process) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


def peak_memory(process):
    with open("/proc/%d/status" % process) as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def run(side, image, folder, words):
    """Let fio do what words say to the served image."""
    socket = os.path.join(folder, "bench.sock")
    server = start(side, image, socket)
    try:
        before = processor_time(server.pid)
        answer = subprocess.run(
            ["fio", "--name=bench", "--ioengine=nbd", "--uri=nbd+unix:///?socket=" + socket,
             "--output-format=json", "--group_reporting", "--randrepeat=1", "--norandommap", *words],
            check=True, stdout=subprocess.PIPE).stdout
        cpu = processor_time(server.pid) - before
        memory = peak_memory(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    job = json.loads(answer[answer.index(b"{"):])["jobs"][0]
    if job["error"]:
        raise Failed("fio: error %d on %s" % (job["error"], image))
    return Run(max(job["read"]["runtime"], job["write"]["runtime"]) / 1000, cpu, memory)
