"""The manifest of an archive: an SQLite file with the state of each file.

Only one process writes it. A row in ``file`` says what has happened; it is written after the file got its name. A row
in ``hand`` says what may have happened; it is written before the file is begun, and deleted when ``file`` has the
result.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dcmturbo import system
from dcmturbo.redaction import without_secrets
from dcmturbo.urls import is_url

__all__ = [
    "COUNTED",
    "DONE",
    "NAME",
    "Done",
    "InHand",
    "Manifest",
    "ManifestError",
    "Row",
    "Run",
    "default_manifest",
    "is_manifest_file",
]

NAME = ".dcmturbo-transcode.sqlite"
_COMPANIONS = ("", "-wal", "-shm", "-journal", "-lock")
_APPLICATION_ID = 0x64637475  # "dctu"
_VERSION = 2
_FIRST_VERSION = 1  # version without the columns of `_ADDED`; a run that writes such a manifest adds them
_SECONDS_BUSY = 10.0

# The statuses of files that need no more work. The others are "failed" and "left_out" (failed, with on_failure="skip").
DONE = ("transcoded", "copied", "unchanged", "verified", "deidentified")
COUNTED = DONE[:3]  # in each result, even if there are none

_SCHEMA = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,
    ended REAL,
    seconds REAL,
    version TEXT NOT NULL,
    target TEXT NOT NULL,
    options TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    threads INTEGER NOT NULL,
    executor TEXT NOT NULL,
    skipped INTEGER NOT NULL DEFAULT 0,
    stopped TEXT
);
CREATE TABLE file (
    destination PRIMARY KEY,
    path NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    source_syntax TEXT,
    target TEXT NOT NULL,
    options TEXT NOT NULL,
    status TEXT NOT NULL,
    frames INTEGER NOT NULL,
    bytes_before INTEGER NOT NULL,
    bytes_after INTEGER NOT NULL,
    pixel_bytes INTEGER NOT NULL,
    digest TEXT,
    verified INTEGER NOT NULL,
    lossy INTEGER NOT NULL,
    maximum_error REAL,
    mean_error REAL,
    psnr REAL,
    seconds REAL NOT NULL,
    error TEXT,
    error_type TEXT,
    warnings TEXT,
    output TEXT,
    original TEXT,
    run INTEGER NOT NULL
) WITHOUT ROWID;
"""

_ADDED = {"output": "TEXT", "original": "TEXT"}
_HAND = "CREATE TABLE hand (destination PRIMARY KEY, uid TEXT, original TEXT) WITHOUT ROWID;"


class ManifestError(ValueError):
    """A manifest cannot be used: it is no manifest, damaged, of another version, or used by another run."""


class Row(NamedTuple):
    """The result of one file."""

    destination: str
    path: str
    size: int
    mtime: int  # nanoseconds
    source_syntax: str | None
    target: str
    options: str
    status: str  # "transcoded", "copied", "unchanged", "failed" or "left_out"
    frames: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    pixel_bytes: int = 0
    digest: str | None = None
    verified: bool = False
    lossy: bool = False
    maximum_error: float | None = None
    mean_error: float | None = None
    psnr: float | None = None
    seconds: float = 0.0
    error: str | None = None
    error_type: str | None = None
    warnings: str | None = None  # lines
    output: str | None = None  # the identity of the output, from `dcmturbo.archives.ownership.identity_of`
    original: str | None = None  # the identity of the source; size and time alone could be those of another file
    run: int = 0


class Done(NamedTuple):
    """The columns that decide whether a file is already done."""

    path: str
    size: int
    mtime: int
    target: str
    options: str
    status: str
    bytes_after: int
    verified: bool
    error_type: str | None
    output: str | None
    original: str | None


class InHand(NamedTuple):
    """A file that a run may have begun when it was killed."""

    destination: str
    uid: str | None  # the SOP Instance UID for its output
    original: str | None = None  # the identity of the source, if the output replaces it


@dataclass(frozen=True)
class Run:
    """One run over the archive."""

    id: int
    started: float
    ended: float | None
    seconds: float | None
    version: str
    target: str
    options: dict[str, Any] = field(hash=False)
    jobs: int
    threads: int
    executor: str
    skipped: int
    stopped: str | None


def default_manifest(destination: str) -> str:
    """Return the default place of the manifest of a destination.

    It is in the destination's folder. For a destination in an object store, it is in the user's state folder.
    """
    if not is_url(destination):
        return os.path.join(destination, NAME)
    state = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.local/state")
    name = hashlib.sha256(without_secrets(destination).rstrip("/").encode()).hexdigest()[:16]
    return os.path.join(state, "dcmturbo", f"transcode-{name}.sqlite")


def is_manifest_file(folder: str, name: str) -> bool:
    """Whether a file is a manifest with the usual name, or belongs to one beside it, judged by its content."""
    if name not in [NAME + ending for ending in _COMPANIONS]:
        return False
    flags = os.O_RDONLY | system.NON_BLOCKING | system.NO_LINKS
    try:
        descriptor = system.open_file(os.path.join(folder, NAME), flags)
    except OSError:
        return False
    try:
        start = os.read(descriptor, 100)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    # The header of SQLite files (https://sqlite.org/fileformat.html, 1.3). A file without one belongs to a run that was
    # killed at its very beginning.
    return not start or (start.startswith(b"SQLite format 3\0") and start[68:72] == _APPLICATION_ID.to_bytes(4, "big"))


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: str) -> None:
    """Create a manifest's file. Only its owner may read it, because it has names and errors of private files.

    SQLite gives the files beside it the same permissions.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    with contextlib.suppress(FileExistsError):
        os.close(system.open_file(path, flags, 0o600))


def _stored(text: str) -> str | bytes:
    """Return a path as SQLite stores it: without secrets, and as bytes if it is not valid Unicode."""
    text = without_secrets(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def _loaded(value: Any) -> Any:
    return os.fsdecode(value) if isinstance(value, bytes) else without_secrets(value)


def _values(row: Row, run: int) -> tuple[Any, ...]:
    row = row._replace(
        run=run,
        error=None if row.error is None else without_secrets(row.error),
        warnings=None if row.warnings is None else without_secrets(row.warnings),
    )
    return (_stored(row.destination), _stored(row.path), *row[2:])


class Manifest:
    """A manifest that is open.

    Parameters
    ----------
    path : str or None
        None keeps the manifest in memory.
    write : bool
        False opens it for reading only; a run may be writing it at the same time.

    Raises
    ------
    ManifestError
        If the file is not a manifest, has another version, or is used by another run; later, if it is damaged.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: str | None, *, write: bool = True) -> None:
        self.path = path
        self._lock: int | None = None
        self._run = 0
        self._version = _VERSION
        self.is_new = True
        self.warnings: list[str] = []
        self._identity: tuple[int, int] | None = None
        if path is None:
            self._connection = sqlite3.connect(":memory:", isolation_level=None)
            self._connection.executescript(_SCHEMA + _HAND)
            return
        if write:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            self._lock = _lock(f"{path}-lock")
        try:
            if write:
                _make_private(path)
            self._connection = _connect(path, write=write)
            self._prepare(write=write)
            self._identity = _identity(path)
        except BaseException:
            self._unlock()
            raise

    def _prepare(self, *, write: bool) -> None:
        try:
            (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            self.is_new = tables == 0 and application == 0
            if not self.is_new and application != _APPLICATION_ID:
                raise ManifestError(f"{self.path} is an SQLite file, but not a manifest: choose another file")
            if not self.is_new and not _FIRST_VERSION <= version <= _VERSION:
                raise ManifestError(
                    f"{self.path} is a manifest of version {version}, but this version of dcmturbo writes version "
                    f"{_VERSION}: choose another file"
                )
            self._version = _VERSION if self.is_new else version
            if not write:
                if self.is_new:
                    raise ManifestError(f"{self.path} is empty, because no run has begun")
                return
            # The log is not synced at each commit. After a power failure, the files that are missing in it are done
            # again.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            if self.is_new:
                marks = f"PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={_VERSION};"
                self._connection.executescript(f"BEGIN; {_SCHEMA} {_HAND} {marks} COMMIT;")
            elif version < _VERSION:
                columns = "".join(f"ALTER TABLE file ADD COLUMN {name} {kind}; " for name, kind in _ADDED.items())
                self._connection.executescript(f"BEGIN; {columns} {_HAND} PRAGMA user_version={_VERSION}; COMMIT;")
                self._version = _VERSION
            elif "original" not in [row[1] for row in self._connection.execute("PRAGMA table_info(hand)")]:
                self._connection.execute("ALTER TABLE hand ADD COLUMN original TEXT")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise OSError(f"cannot use the manifest {self.path}: {error}") from error
            raise ManifestError(f"{self.path} is not a manifest: {error}") from None
        except ManifestError:
            self._connection.close()
            raise

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Turn exceptions of SQLite into an error that names the file."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"cannot use the manifest {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise ManifestError(
                f"{self.path} is damaged: {error}. To begin a new manifest, remove this file; every source is "
                "then done again"
            ) from error

    # ---- a run ------------------------------------------------------------------------------------

    def begin(self, *, target: str, options: str, version: str, jobs: int, threads: int, executor: str) -> bool:
        """Begin a run.

        Returns
        -------
        bool
            Whether the previous run came to its end; if not, it may have left temporary files.
        """
        with self._named():
            last = self._connection.execute("SELECT ended FROM run ORDER BY id DESC LIMIT 1").fetchone()
            cursor = self._connection.execute(
                "INSERT INTO run (started, version, target, options, jobs, threads, executor) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (time.time(), version, target, options, jobs, threads, executor),
            )
            self._run = int(cursor.lastrowid or 0)
            # Folders that could not be read have no file of their own. If they still cannot be read, this run reports
            # them again.
            self._connection.execute("DELETE FROM file WHERE status = 'failed' AND size < 0")
        return last is not None and last[0] is not None

    def end(self, *, seconds: float, skipped: int, stopped: str | None) -> None:
        """End the run.

        Raises
        ------
        OSError
            If the manifest cannot be written.
        """
        self._keep_name()
        try:
            self._connection.execute(
                "UPDATE run SET ended = ?, seconds = ?, skipped = ?, stopped = ? WHERE id = ?",
                (time.time(), seconds, skipped, stopped, self._run),
            )
        except sqlite3.Error as error:
            raise OSError(f"cannot write the manifest {self.path}: {error}") from error

    def find(self, destination: str) -> Done | None:
        """Return what is known of a file, or None."""
        with self._named():
            row = self._connection.execute(
                f"SELECT {self._columns(Done._fields)} FROM file WHERE destination = ?",
                (_stored(destination),),
            ).fetchone()
        if row is None:
            return None
        done = Done._make(row)
        return done._replace(path=_loaded(done.path), verified=bool(done.verified))

    def inodes(self) -> Iterator[tuple[str, int]]:
        """Iterate over the outputs that are local files, with their inodes."""
        with self._named():
            for destination, output in self._connection.execute("SELECT destination, output FROM file"):
                inode = (output or "").rpartition(":")[2]
                if inode.isdigit():
                    yield _loaded(destination), int(inode)

    def _columns(self, names: Sequence[str]) -> str:
        """Return columns for a SELECT. A manifest of the first version that is opened for reading lacks some."""
        if self._version == _VERSION:
            return ", ".join(names)
        return ", ".join(f"NULL AS {name}" if name in _ADDED else name for name in names)

    def hand_out(self, files: Sequence[InHand]) -> None:
        """Note that files are about to be begun: what is found in their places afterwards may be ours.

        Raises
        ------
        OSError
            If that cannot be written.
        """
        self._change(
            "INSERT OR REPLACE INTO hand (destination, uid, original) VALUES (?, ?, ?)",
            [(_stored(file.destination), file.uid, file.original) for file in files],
        )

    def take_in_hand(self) -> dict[str, InHand]:
        """Return the files that earlier runs may have begun when they were killed."""
        with self._named():
            rows = self._connection.execute("SELECT destination, uid, original FROM hand").fetchall()
        return {(name := _loaded(destination)): InHand(name, *more) for destination, *more in rows}

    def write(self, rows: Sequence[Row], *, in_hand: Sequence[Row] = ()) -> None:
        """Write rows, all or none.

        Parameters
        ----------
        rows : sequence of Row
            What became of files.
        in_hand : sequence of Row
            Results of files that will be tried once more.

        Raises
        ------
        OSError
            If they cannot be written, for instance because the disk is full.
        """
        values = [_values(row, self._run) for row in rows]
        columns, places = ", ".join(Row._fields), ", ".join("?" * len(Row._fields))
        self._change(
            f"INSERT OR REPLACE INTO file ({columns}) VALUES ({places})",
            [*(_values(row, self._run) for row in in_hand), *values],
            "DELETE FROM hand WHERE destination = ?",
            [value[:1] for value in values],
        )

    def _keep_name(self) -> None:
        """Write the manifest again if somebody has removed it. The open file can still be read.

        Raises
        ------
        OSError
            If it cannot be written, or another file has its name.
        """
        if self.path is None or self._lock is None or (now := _identity(self.path)) == self._identity:
            return
        if now is not None:
            raise OSError(
                f"another file replaced the manifest {self.path} during the run: do not run two programs on "
                "one manifest"
            )
        try:
            _make_private(self.path)
            anew = sqlite3.connect(self.path, isolation_level=None, timeout=_SECONDS_BUSY)
            for ending in ("-wal", "-shm"):  # of the manifest that was removed
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path + ending)
            self._connection.backup(anew)
            anew.execute("PRAGMA journal_mode=WAL")
            anew.execute("PRAGMA synchronous=NORMAL")
        except (OSError, sqlite3.Error) as error:
            raise OSError(
                f"somebody removed the manifest {self.path} during the run, and it cannot be written again: {error}"
            ) from error
        self._connection.close()
        self._connection, self._identity = anew, _identity(self.path)
        self.warnings.append(f"somebody removed the manifest {self.path} during the run; it was written again")

    def _change(self, *statements_and_rows: Any) -> None:
        """Run statements over rows, all or none."""
        self._keep_name()
        try:
            self._connection.execute("BEGIN")
            for statement, rows in zip(statements_and_rows[::2], statements_and_rows[1::2], strict=True):
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise OSError(f"cannot write the manifest {self.path}: {error}") from error

    # ---- reading ----------------------------------------------------------------------------------

    def rows(self, where: str = "1", parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """Iterate over the files, in the order of their destinations."""
        statement = f"SELECT {self._columns(Row._fields)} FROM file WHERE {where} ORDER BY destination"
        with self._named():
            for row in self._connection.execute(statement, parameters):
                values = Row(*row)
                yield values._replace(
                    destination=_loaded(values.destination),
                    path=_loaded(values.path),
                    error=_loaded(values.error or "") or None,
                    warnings=_loaded(values.warnings or "") or None,
                    verified=bool(values.verified),
                    lossy=bool(values.lossy),
                )

    def runs(self) -> list[Run]:
        """Return the runs, the first one first."""
        with self._named():
            cursor = self._connection.execute(
                "SELECT id, started, ended, seconds, version, target, options, jobs, threads, executor, skipped, "
                "stopped FROM run ORDER BY id"
            )
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        return [Run(**{**row, "options": json.loads(row["options"])}) for row in rows]

    def query(self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of an SQL query."""
        with self._named():
            return self._connection.execute(statement, parameters).fetchall()

    # ---- the end ----------------------------------------------------------------------------------

    def is_own(self, folder: str, name: str) -> bool:
        """Whether a file is the manifest, or one of those that SQLite keeps beside it."""
        if self.path is None:
            return False
        own, base = os.path.split(self.path)
        if name not in [base + ending for ending in _COMPANIONS]:
            return False
        try:  # links can give a folder several paths
            return folder == own or os.path.samefile(folder, own or ".")
        except OSError:
            return False

    def close(self) -> None:
        """Close it. Afterwards a manifest that was written is a single file."""
        if self._lock is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA journal_mode=DELETE")
        self._connection.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None and self.path is not None:
            # Remove the lock file while it is locked: a process that opened it meanwhile sees that it has no name any
            # more.
            with contextlib.suppress(OSError):
                os.unlink(f"{self.path}-lock")
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(path: str, *, write: bool) -> sqlite3.Connection:
    if write:
        try:
            return sqlite3.connect(path, isolation_level=None, timeout=_SECONDS_BUSY)
        except sqlite3.Error as error:
            raise OSError(f"cannot open the manifest {path}: {error}") from error
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no manifest {path}")
    uri = Path(path).absolute().as_uri()
    reason: Exception | None = None
    for mode in ("mode=ro", "immutable=1"):  # the second one if the folder cannot be written
        connection = sqlite3.connect(f"{uri}?{mode}", uri=True, isolation_level=None, timeout=_SECONDS_BUSY)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            reason = error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise ManifestError(f"{path} is not a manifest: {error}") from None
    raise OSError(f"cannot open the manifest {path}: {reason}")


def _lock(path: str) -> int:
    """Lock a file, so that two runs do not write one manifest; a file system without locks has none."""
    while True:
        descriptor = system.open_file(path, os.O_RDWR | os.O_CREAT | system.NO_LINKS, 0o600)
        locked = system.lock(descriptor)
        if locked is False:
            holder = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            raise ManifestError(
                f"another run is using the manifest {path.removesuffix('-lock')}: wait until it has finished"
                + (f" ({holder})" if holder else "")
            )
        if locked is None:  # a file system without locks
            return descriptor
        if os.fstat(descriptor).st_nlink:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return descriptor
        os.close(descriptor)
