"""An object store on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from helpers.ports import free_ports


@contextmanager
def s3_server() -> Iterator[None]:
    """Start an S3-speaking server (moto) and point the environment to it."""
    (port,) = free_ports(1)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    names = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in names}
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not begin"
                assert server.poll() is None
                time.sleep(0.05)
        os.environ.update(names)
        _forget_file_systems()
        yield
    finally:
        _forget_file_systems()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        server.kill()
        server.wait()


def _forget_file_systems() -> None:
    """fsspec keeps its instances, and each keeps the address of the server that ran when it was made."""
    import fsspec

    fsspec.get_filesystem_class("s3").clear_instance_cache()
