"""Processes for the files of an archive. A codec that crashes ends one of them, and not the run.

A run starts one process, the nursery. It imports what the work needs, and creates no threads. It forks a worker within
milliseconds when one is needed, so a crash costs little time. Workers and run communicate through pairs of sockets.
Each side ends when the other one has gone.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pickle
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import warnings
from functools import partial
from multiprocessing import spawn
from typing import Any, BinaryIO, NoReturn

from dcmturbo import system
from dcmturbo.archives.outcome import Outcome
from dcmturbo.archives.work import describe, do_files
from dcmturbo.configuration import DECODE_OPTIONS, Limits, config

__all__ = ["Nursery", "forks_here", "receive", "send", "serve"]

_LENGTH = struct.Struct("!Q")
_REQUEST = struct.Struct("!cq")  # a command and a process number
_FORK, _WAIT = b"f", b"w"
_FORKED = struct.Struct("!q")
_STATUS = struct.Struct("!i")
_UNKNOWN = -(1 << 31)  # the status of a process that does not belong to the nursery
# Not for type checkers: Windows lacks some of their functions, which are not called there, because no nursery is made.
_os: Any = os
_socket: Any = socket
_signal: Any = signal

_SETTINGS = ("prefer", "memory_map", "isa", *DECODE_OPTIONS)
_LIMITS = tuple(name for name in vars(Limits) if isinstance(vars(Limits)[name], property))

_PROGRAM = (
    "import json, sys; descriptor, sys.path[:] = json.loads(sys.argv[1]); "
    "from dcmturbo.archives.nursery import serve; serve(descriptor)"
)


class _Forking:
    allowed = False


@contextlib.contextmanager
def forks_here() -> Any:
    """Declare that this process is dcmturbo's own program and has no other threads, so it may be forked.

    This saves the 0.2 seconds that a new interpreter takes to start.
    """
    before, _Forking.allowed = _Forking.allowed, True
    try:
        yield
    finally:
        _Forking.allowed = before


# ---- messages ---------------------------------------------------------------------------------------


def send(connection: socket.socket, message: Any) -> None:
    """Send any value."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    connection.sendall(_LENGTH.pack(len(data)) + data)


def receive(stream: BinaryIO) -> Any:
    """Receive a value.

    Raises
    ------
    EOFError
        If the other end is gone.
    """
    (size,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, size))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            part = stream.read(size - len(data))
        except (OSError, ValueError):
            part = b""
        if not part:
            raise EOFError
        data += part
    return data


# ---- the run's end ----------------------------------------------------------------------------------


class Nursery:
    """The run's handle of the process that forks workers.

    Parameters
    ----------
    idle : float, optional
        Seconds after which an idle worker ends.

    Raises
    ------
    OSError
        If the process cannot be started.
    """

    def __init__(self, *, idle: float | None = None) -> None:
        if not system.CAN_FORK:
            raise OSError("this system does not fork processes")
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None
        self._forked = 0
        self._has_forked = False
        try:
            if _Forking.allowed and threading.active_count() == 1:
                self._forked = _fork()
                if not self._forked:
                    self._socket.close()
                    serve(theirs.detach())
            else:
                self._process = _start(theirs.fileno())
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        send(self._socket, {"idle": idle, **_state_of_this_process()})

    def fork(self) -> tuple[int, socket.socket]:
        """Return the process of a new worker, and the connection to it.

        Raises
        ------
        OSError
            If no worker can be started.
        """
        with self._lock:
            self._has_forked = True
            self._socket.sendall(_REQUEST.pack(_FORK, 0))
            data, descriptors, _, _ = _socket.recv_fds(self._socket, _FORKED.size, 1)
            if len(data) < _FORKED.size or not descriptors:
                raise ChildProcessError("the process that starts the workers has ended")
            return _FORKED.unpack(data)[0], socket.socket(fileno=descriptors[0])

    def wait(self, process: int) -> tuple[bool, str]:
        """Wait for the end of a worker whose connection was closed.

        Returns
        -------
        (bool, str)
            Whether it crashed, and how; otherwise it ended normally.
        """
        try:
            with self._lock:
                self._socket.sendall(_REQUEST.pack(_WAIT, process))
                data = self._socket.recv(_STATUS.size, socket.MSG_WAITALL)
            (status,) = _STATUS.unpack(data)
        except (OSError, struct.error):
            return True, "for an unknown reason"
        if status == _UNKNOWN:
            return True, "for an unknown reason"
        if not _os.WIFSIGNALED(status):
            code = _os.WEXITSTATUS(status)
            return code != 0, f"exit status {code}"
        number = _os.WTERMSIG(status)
        with contextlib.suppress(ValueError):
            return True, f"signal {number}, {signal.Signals(number).name}"
        return True, f"signal {number}"

    def close(self) -> None:
        """End the nursery, and with it all remaining workers."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._process is not None:
            if not self._has_forked:  # it need not even finish its imports
                self._process.kill()
            self._process.wait()
        elif self._forked:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._forked, 0)


def _fork() -> int:
    with warnings.catch_warnings():
        # The threads of numpy's library handle a fork themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        return int(_os.fork())


def _start(descriptor: int) -> subprocess.Popen[bytes]:
    executable = os.fsdecode(spawn.get_executable() or sys.executable)
    # numpy's threads would only hinder forking.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [executable, "-P", "-c", _PROGRAM, json.dumps([descriptor, sys.path])],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        env=environment,
        process_group=0,  # the run handles Ctrl-C, also while this process imports
    )


def _state_of_this_process() -> dict[str, Any]:
    """Return what a new interpreter does not know: the settings of dcmturbo and of fsspec."""
    fsspec = sys.modules.get("fsspec")
    return {
        "config": {name: getattr(config, name) for name in _SETTINGS},
        "limits": {name: getattr(config.limits, name) for name in _LIMITS},
        "fsspec": dict(fsspec.config.conf) if fsspec is not None else {},
    }


def _take_state(state: dict[str, Any]) -> None:
    for owner, values in ((config, state["config"]), (config.limits, state["limits"])):
        for name, value in values.items():
            if getattr(owner, name) != value:
                setattr(owner, name, value)
    if state["fsspec"]:
        with contextlib.suppress(ImportError):
            import fsspec

            fsspec.config.conf.update(state["fsspec"])


# ---- the nursery's end ------------------------------------------------------------------------------


def serve(descriptor: int) -> NoReturn:
    """Fork workers until the run ends; then end this process."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run handles Ctrl-C
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource: Any = importlib.import_module("resource")  # every system that forks has it
        # A message reports the crash of a codec. A core file as large as the memory would help nobody.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        _serve(socket.socket(fileno=descriptor))
        code = 0
    finally:
        os._exit(code)


def _serve(control: socket.socket) -> None:
    stream: Any = control.makefile("rb", buffering=0)
    try:
        start = receive(stream)
    except EOFError:
        return
    _take_state(start)
    with contextlib.suppress(ImportError):
        import imagecodecs  # noqa: F401 (once here, not in every worker)
    idle = start["idle"]
    children: set[int] = set()
    try:
        while True:
            if idle is not None and not select.select([control], [], [], 2 * idle)[0]:
                for child in tuple(children):
                    if os.waitpid(child, _os.WNOHANG)[0]:
                        children.discard(child)
                if not children:
                    return
                continue
            command, process = _REQUEST.unpack(_exactly(stream, _REQUEST.size))
            if command == _WAIT:
                control.sendall(_STATUS.pack(_wait_for(process) if process in children else _UNKNOWN))
                children.discard(process)
                continue
            ours, theirs = socket.socketpair()
            child = _fork()
            if child == 0:
                ours.close()
                stream.close()
                control.close()
                _work(theirs, idle)
            theirs.close()
            children.add(child)
            _socket.send_fds(control, [_FORKED.pack(child)], [ours.fileno()])
            ours.close()
    except (EOFError, OSError):
        return
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, _signal.SIGKILL)
            _wait_for(child)


def _wait_for(process: int) -> int:
    try:
        return os.waitpid(process, 0)[1]
    except ChildProcessError:
        return _UNKNOWN


# ---- a worker ---------------------------------------------------------------------------------------


def _work(connection: socket.socket, idle: float | None) -> NoReturn:
    """Process groups of files until the run ends; then end this process.

    This runs on the main thread, so that a signal that a codec raises arrives before anything else is done.
    """
    code = 1
    try:
        halt = threading.Event()
        messages: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def listen() -> None:
            stream: Any = connection.makefile("rb")
            while True:
                try:
                    message = receive(stream)
                except EOFError:
                    os._exit(0)  # even with a file in work: nobody needs its result any more
                if message is None:
                    halt.set()
                else:
                    messages.put(message)

        threading.Thread(target=listen, daemon=True, name="dcmturbo-listen").start()
        while True:
            try:
                number, tasks, settings, threads = messages.get(timeout=idle)
            except queue.Empty:
                code = 0
                break
            try:
                do_files(tasks, settings, threads, partial(_tell, connection, number), halt.is_set)
            except BaseException as problem:
                _tell(connection, number, describe(problem))
            else:
                _tell(connection, number, None)
    finally:
        os._exit(code)


def _tell(connection: socket.socket, number: int, what: Outcome | str | None) -> None:
    send(connection, (number, what))
