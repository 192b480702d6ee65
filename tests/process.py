"""Processes of our own on loopback: started in a group each, waited for, ended with the script."""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 30


class Processes:
    """What a script starts, and what it says: a file each in a folder that is gone afterwards."""

    def __init__(self, stack, folder):
        self.stack, self.folder = stack, Path(folder)

    def start(self, name, command, **options):
        said = self.stack.enter_context(open(self.folder / name, "ab"))
        # A group of its own: Ctrl-C is for the script, which ends what it started.
        process = subprocess.Popen(list(map(str, command)), **{"stdout": said, "cwd": ROOT, **options}, stderr=said,
                                   stdin=subprocess.DEVNULL, start_new_session=True)
        self.stack.callback(end, process)
        return process

    def said(self, name):
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""


def forget_aws():
    """What this machine has set for AWS is not ours: neither an account nor an endpoint."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def end_when_told():
    """Whoever ends the script lets it end what it started."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def with_path(**variables):
    """An environment of these variables alone: what this machine has set is not the process's."""
    return {"PATH": os.environ["PATH"], **variables}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on port {port}")


def end(process):
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check(is_so, otherwise):
    if not is_so:
        raise AssertionError(otherwise)


def equal(found, expected):
    check(found == expected, f"found {found!r}, expected {expected!r}")
