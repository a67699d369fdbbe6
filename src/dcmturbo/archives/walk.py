"""Find the files of an archive: folders, patterns, DICOMDIR file sets, and fsspec URLs."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, NamedTuple

from dcmturbo import system
from dcmturbo.urls import file_system, is_url

__all__ = [
    "Filters",
    "Found",
    "absolute",
    "find_files",
    "find_missing",
    "has_magic",
    "join_destination",
    "open_regular",
    "source_folder",
    "takes_subfolders",
]

# Characters and endings that Windows does not have in names, and names of its devices.
_NO_NAME_ON_WINDOWS = re.compile(
    r"[\x00-\x1f<>:\"\\|?*]|[^. ][. ]+$|^(con|prn|aux|nul|com[1-9]|lpt[1-9])[ .]*(\.|$)", re.IGNORECASE
)
_DIRECTORY_STORAGE = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage (PS3.4, annex I)

Tell = Callable[[str, str, str], None]  # kind ("failed" or "warning"), path, message


class Found(NamedTuple):
    """A file of an archive."""

    path: str  # absolute, or a URL
    relative: str  # place of its output below the destination
    size: int
    mtime: int  # nanoseconds


def has_magic(path: str) -> bool:
    """Whether a path is a pattern and not an existing name."""
    if is_url(path):
        return any(character in path for character in "*?[")
    return glob.has_magic(path) and not os.path.lexists(path)


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path that means the same in another folder, and on another machine with the same file system."""
    text = os.fsdecode(path)
    for scheme in ("file://", "local://"):
        text = text.removeprefix(scheme)
    return text if is_url(text) else os.path.abspath(text)


def find_missing(sources: Sequence[str]) -> list[tuple[str, str]]:
    """Return the local sources that do not exist, each with the reason."""
    return [
        (one, "no file matches the pattern" if has_magic(one) else "there is no such file or folder")
        for one in sources
        if not is_url(one) and not _is_there(one)
    ]


def _is_there(source: str) -> bool:
    if not has_magic(source):
        return os.path.lexists(source)
    if "**" in source:  # finding that no file matches takes as long as the run
        return os.path.isdir(fixed_part(source) or ".")
    return next(glob.iglob(source, include_hidden=True), None) is not None


def fixed_part(pattern: str) -> str:
    """Return the folder that contains all files of a pattern."""
    base = os.path.dirname(pattern)
    while glob.has_magic(base):
        base = os.path.dirname(base)
    return base


def source_folder(source: str) -> str | None:
    """Return the folder that contains the files of a local source; None for a single file or a URL."""
    if is_url(source):
        return None
    if has_magic(source):
        return fixed_part(source)
    if os.path.isdir(source):
        return source
    return os.path.dirname(source) if is_file_set(source) else None


def takes_subfolders(source: str) -> bool:
    """Whether a local source includes the files of all subfolders of its folder."""
    return "**" in source if has_magic(source) else os.path.isdir(source)


def join_destination(root: str, relative: str) -> str:
    """Return the place of a file below a folder or a URL."""
    return f"{root.rstrip('/')}/{relative}" if is_url(root) else os.path.join(root, *relative.split("/"))


@dataclass(frozen=True)
class Filters:
    """Which files are taken.

    A pattern with a slash is compared with the path below the source, a pattern without a slash with the name. An
    excluded file is left out even if it is also included. An excluded folder is not entered.

    Attributes
    ----------
    include, exclude : tuple of str
        Shell patterns. If nothing is included, everything is.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, relative: str) -> bool:
        """Whether a file is included."""
        return not _matches(relative, self.exclude) and (not self.include or _matches(relative, self.include))

    def enters(self, relative: str) -> bool:
        """Whether a folder is entered."""
        return not _matches(relative, self.exclude)


def _matches(relative: str, patterns: Sequence[str]) -> bool:
    name = relative.rsplit("/", 1)[-1]
    return any(
        fnmatch.fnmatchcase(relative if "/" in pattern.rstrip("/") else name, pattern.rstrip("/").removeprefix("./"))
        for pattern in patterns
    )


def find_files(
    sources: Sequence[str],
    filters: Filters,
    tell: Tell,
    *,
    follow_links: bool = True,
    leave_out: Callable[[str, str], bool] = lambda _path, _name: False,
    folders_left_out: frozenset[tuple[int, int]] = frozenset(),
) -> Iterator[Found]:
    """Find the files of sources, folder by folder, in the order of their names.

    Parameters
    ----------
    sources : sequence of str
        Folders, files, patterns, DICOMDIR files, URLs. The content of a single folder goes directly below the
        destination. If there are several sources, each folder keeps its name, as with ``cp``.
    filters : Filters
        Which files are taken.
    tell : callable
        Called with what cannot be read, and with what is left out.
    follow_links : bool
        Whether symbolic links are followed. A folder that contains itself is entered once.
    leave_out : callable
        Tells from a folder's path and a name whether the file does not belong to the archive.
    folders_left_out : frozenset of (int, int)
        Devices and inodes of folders that are not entered.

    Yields
    ------
    Found
    """
    walk = _Walk(filters, tell, follow_links, leave_out, folders_left_out)
    for found in _find_all(walk, sources):
        # Checked here for every kind of source, because names in listings need not come from a file system.
        why = _why_no_place(found.relative, remote=is_url(found.path))
        if why is None:
            yield found
        else:
            tell("failed", found.path, f"its output would have no place below the destination: {why}")


def _why_no_place(relative: str, *, remote: bool) -> str | None:
    """Return why a name would lead out of the destination, or to no file in it; None if it does not."""
    if "\0" in relative:
        return "its name contains a NUL"
    parts = relative.split("/")
    if not parts[0]:
        return "its name begins with a slash"
    if remote and re.match(r"[A-Za-z]:[/\\]|\\|(.*[/\\])?\.\.\\|.*\\\.\.([/\\]|$)", relative, re.DOTALL):
        return f"its name {relative!r} has a backslash, which separates folders here, and leads elsewhere"
    if sys.platform == "win32" and any(_NO_NAME_ON_WINDOWS.search(part) for part in parts):
        return f"Windows cannot give a file the name {relative!r}"
    if ".." in parts or "." in parts:
        return f"its name {relative!r} contains '.' or '..', which may lead out of the destination"
    return "its name has an empty part (//)" if "" in parts else None


def _find_all(walk: _Walk, sources: Sequence[str]) -> Iterator[Found]:
    tell = walk.tell
    for source in sources:
        if is_url(source):
            yield from walk.url(source, alone=len(sources) == 1)
        elif has_magic(source):
            yield from walk.pattern(source)
        elif os.path.isdir(source):
            prefix = "" if len(sources) == 1 else os.path.basename(source.rstrip(system.SEPARATORS))
            yield from walk.folder(source, prefix)
        elif not os.path.lexists(source):
            tell("failed", source, "there is no such file or folder")
        elif is_file_set(source):
            yield from walk.file_set(source)
        else:
            yield from walk.file(source, os.path.basename(source), named=True)


@dataclass
class _Walk:
    filters: Filters
    tell: Tell
    follow_links: bool
    leave_out: Callable[[str, str], bool]
    folders_left_out: frozenset[tuple[int, int]]

    # ---- local ------------------------------------------------------------------------------------

    def file(self, path: str, relative: str, *, named: bool = False) -> Iterator[Found]:
        try:
            found = os.stat(path)
        except OSError as error:
            link = os.path.islink(path)
            self.tell(
                "failed",
                path,
                "the target of the symbolic link does not exist" if link else error.strerror or str(error),
            )
            return
        if not stat.S_ISREG(found.st_mode):
            what = f"it is not a regular file but a {_kind_of(found.st_mode)}"
            self.tell(*(("failed", path, what) if named else ("warning", path, f"left out: {what}")))
        elif not self.follow_links and os.path.islink(path):
            self.tell("warning", path, "unchanged, because it is a symbolic link")
        elif self.filters.takes(relative):
            yield Found(path, relative, found.st_size, found.st_mtime_ns)

    def folder(self, root: str, prefix: str) -> Iterator[Found]:
        # A stack, because folders can be nested deeper than Python's recursion limit. Each folder is stored with its
        # parent folders: a link to one of them would be a cycle.
        stack: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(root, prefix, ())]
        while stack:
            folder, below, around = stack.pop()
            try:
                identity = _identity(folder)
                if identity in self.folders_left_out:
                    self.tell("warning", folder, "left out: it leads into the destination")
                    continue
                if identity in around:
                    self.tell("warning", folder, "left out: the symbolic link leads back to a folder that contains it")
                    continue
                with os.scandir(folder) as entries:
                    inside = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.tell("failed", folder, f"the folder cannot be read: {error.strerror or error}")
                continue
            folders = []
            for entry in inside:
                relative = f"{below}/{entry.name}" if below else entry.name
                try:
                    if entry.is_dir(follow_symlinks=self.follow_links):
                        if self.filters.enters(relative):
                            folders.append((entry.path, relative, (*around, identity)))
                        continue
                    if entry.is_symlink() or not entry.is_file():
                        yield from self.file(entry.path, relative)
                        continue
                    if self.leave_out(folder, entry.name) or not self.filters.takes(relative):
                        continue
                    found = entry.stat()
                except OSError as error:
                    self.tell("failed", entry.path, error.strerror or str(error))
                    continue
                yield Found(entry.path, relative, found.st_size, found.st_mtime_ns)
            stack += reversed(folders)

    def pattern(self, pattern: str) -> Iterator[Found]:
        base = fixed_part(pattern)
        if "**" in pattern.replace(os.sep, "/").split("/"):
            yield from self._below(base, pattern)
            return
        nothing = True
        for path in sorted(glob.iglob(pattern, include_hidden=True)):
            nothing = False
            relative = system.relative_to(base, path)
            if not self.follow_links and _is_behind_link(base, relative):
                self.tell("warning", path, "unchanged, because its folder is reached through a symbolic link")
            elif os.path.isdir(path):
                yield from self.folder(path, relative)
            elif not self.leave_out(os.path.dirname(path), os.path.basename(path)):
                yield from self.file(path, relative)
        if nothing:
            self.tell("failed", pattern, "no file matches the pattern")

    def _below(self, base: str, pattern: str) -> Iterator[Found]:
        """Find the files of a pattern with ``**`` in the same way as those of a folder, with its links and cycles."""
        patterns = system.relative_to(base, pattern).split("/")
        nothing = True
        if not os.path.isdir(base or "."):
            self.tell("failed", pattern, "no file matches the pattern")
            return
        for found in self.folder(base or ".", ""):
            if _fits(found.relative.split("/"), patterns):
                nothing = False
                yield found
        if nothing:
            self.tell("failed", pattern, "no file matches the pattern")

    def file_set(self, path: str) -> Iterator[Found]:
        """Find the files of a DICOMDIR (PS3.10, 8; PS3.3, F.3.2.2), and the DICOMDIR itself, which comes last."""
        import pydicom

        root = os.path.dirname(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about values that are not needed here
                records = [
                    record.get("ReferencedFileID") or () for record in pydicom.dcmread(path).DirectoryRecordSequence
                ]
        except Exception as error:  # any exception that pydicom raises for a damaged one
            self.tell("failed", path, f"the DICOMDIR cannot be read: {error}")
            return
        seen: set[str] = set()
        for record in records:
            components = [record] if isinstance(record, str) else [str(part) for part in record]
            if not components:
                continue
            name = "/".join(components)
            if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in components):
                self.tell("failed", path, f"the DICOMDIR refers to {name!r}, which is outside of its own folder")
                continue
            inside = _without_case(root, components)
            if inside is None:
                self.tell("failed", os.path.join(root, name), "the DICOMDIR refers to this file, but it does not exist")
            elif inside not in seen:
                seen.add(inside)
                yield from self.file(os.path.join(root, inside), inside)
        yield from self.file(path, os.path.basename(path))

    # ---- elsewhere --------------------------------------------------------------------------------

    def url(self, url: str, *, alone: bool) -> Iterator[Found]:

        # In a chained URL, zip://folder::s3://bucket/archive.zip, the part before the first :: is inside the archive.
        inner, chain, outer = url.partition("::")
        behind = chain + outer
        try:
            store, path = file_system(url)
            store.invalidate_cache()  # of listings, because others write there too
            if has_magic(inner):
                base = inner.partition(next(c for c in inner if c in "*?["))[0].rpartition("/")[0]
                base += "/" * base.endswith("/")  # of scheme://
                root = file_system(base + behind)[1].rstrip("/")
                listing = store.glob(path, detail=True)
                if not listing:
                    self.tell("failed", url, "no file matches the pattern")
                for name in sorted(listing):
                    yield from self._remote(base, behind, _below(store, root, name), listing[name])
                return
            if store.isfile(path):
                folder, _, name = inner.rstrip("/").rpartition("/")
                information = dict(store.find(path, detail=True)).get(path) or store.info(path)
                # An object that is also the folder of others may be listed as a folder.
                file = {**information, "type": "file"}
                yield from self._remote(folder + "/" * folder.endswith("/"), behind, name, file)
                if _lists_all_at_once(store) and store.isdir(path):
                    self.tell("failed", url, "its key is also the folder of other objects, which are left out")
                return
            if not store.isdir(path):
                self.tell("failed", url, "there is no such file or folder")
                return
            name = (path or inner.partition("://")[2]).rstrip("/").rpartition("/")[2]
            prefix = "" if alone or not name else name + "/"
            root = path.rstrip("/")
            base = inner if inner.endswith("://") else inner.rstrip("/")
            for found, information in _objects_below(store, path, self._tell_unread(url)):
                yield from self._remote(base, behind, _below(store, root, found), information, prefix)
        except Exception as error:  # stores raise exceptions of their own types, for instance for a bucket's name
            why = " ".join(str(error).split()) or type(error).__name__
            self.tell("failed", url, f"the folder cannot be read: {why}")

    def _tell_unread(self, url: str) -> Callable[[Exception], None]:
        return lambda error: self.tell("failed", url, f"a folder below it cannot be read: {error}")

    def _remote(
        self, base: str, behind: str, relative: str, information: dict[str, Any], prefix: str = ""
    ) -> Iterator[Found]:
        size = int(information.get("size") or 0)
        path = f"{base if base.endswith('://') else base + '/'}{relative}{behind}"
        if information.get("type") != "file":
            return
        if not relative or relative.endswith("/"):
            if size:
                self.tell("failed", path, "its name ends like that of a folder, but it has content")
            return  # an object that stands for a folder, which some clients create
        if information.get("linkname"):
            self.tell("warning", path, "left out: it is a link inside an archive")
        elif self.filters.takes(relative):
            yield Found(path, prefix + relative, size, _remote_mtime(information))


def _below(store: Any, root: str, name: str) -> str:
    """Return the name of an object below a prefix, with all its slashes: each can mean another object."""
    relative = name[len(root) :] if name.startswith(root) else name
    return relative[1:] if relative.startswith("/") and (root or store.root_marker) else relative


def _lists_all_at_once(store: Any) -> bool:
    """Whether a file system can list everything below a prefix at once.

    File systems with keys instead of folders can. If these were listed folder by folder, a key that contains ``//``, or
    is also the folder of others, would be missed.
    """
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    if isinstance(store, AsyncFileSystem):
        return type(store)._find is not AsyncFileSystem._find
    return type(store).find is not AbstractFileSystem.find


def _objects_below(store: Any, path: str, tell: Callable[[Exception], None]) -> Iterator[tuple[str, dict[str, Any]]]:
    if _lists_all_at_once(store):
        yield from sorted(store.find(path, detail=True).items())
        return
    for folder, _folders, files in store.walk(path, detail=True, on_error=tell):
        for name in sorted(files):
            yield f"{folder.rstrip('/')}/{name}" if folder else name, files[name]


def _fits(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether a path matches a pattern, part by part; ``**`` stands for any number of folders."""

    def closed(reached: set[int]) -> set[int]:
        for place in sorted(reached):
            while place < len(patterns) and patterns[place] == "**":
                place += 1
                reached.add(place)
        return reached

    reached = closed({0})
    for part in parts:
        after = {place for place in reached if place < len(patterns) and patterns[place] == "**"}
        after |= {
            place + 1 for place in reached if place < len(patterns) and fnmatch.fnmatchcase(part, patterns[place])
        }
        reached = closed(after)
    return len(patterns) in reached


def _is_behind_link(base: str, relative: str) -> bool:
    """Whether a folder between a base and a file is a symbolic link."""
    folder = os.path.dirname(relative)
    while folder:
        if os.path.islink(os.path.join(base, folder)):
            return True
        folder = os.path.dirname(folder)
    return False


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _remote_mtime(information: dict[str, Any]) -> int:
    """Return when an object was written, in nanoseconds; 0 if the file system does not say."""
    for key in ("LastModified", "mtime", "last_modified", "updated", "created"):
        value: Any = information.get(key)
        if isinstance(value, datetime):
            return round(value.timestamp() * 1e9)
        if isinstance(value, (int, float)) and value:
            return round(value * 1e9)
    return 0


def _without_case(root: str, components: Sequence[str]) -> str | None:
    """Return the path of a file set's file with the spelling on disk; None if there is none.

    File IDs are in capitals (PS3.10, 8.5). File systems of discs often show lower-case letters.
    """
    inside = ""
    for component in components:
        folder = os.path.join(root, inside)
        if not os.path.lexists(os.path.join(folder, component)):
            try:
                component = next(name for name in os.listdir(folder) if name.upper() == component.upper())
            except (StopIteration, OSError):
                return None
        inside = f"{inside}/{component}" if inside else component
    return inside


def open_regular(path: str) -> IO[bytes]:
    """Open a regular file for reading, without ever waiting.

    Raises
    ------
    OSError
        If it cannot be opened, or is a pipe, a socket or a device.
    """
    descriptor = system.open_file(path, os.O_RDONLY | system.NON_BLOCKING)
    try:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            raise OSError(errno.EINVAL, "it is not a regular file but a " + _kind_of(kind), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _kind_of(mode: int) -> str:
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFDIR: "folder"}
    return kinds.get(stat.S_IFMT(mode), "device")


def is_file_set(path: str) -> bool:
    """Whether a file is a DICOMDIR: its SOP class says so (PS3.10, 8.6)."""
    try:
        with open_regular(path) as file:
            return is_directory_object(file.read(1024))
    except OSError:
        return False


def is_directory_object(start: bytes) -> bool:
    """Whether an object with this beginning is a DICOMDIR."""
    return start[128:132] == b"DICM" and b"\x02\x00\x02\x00UI" in start and _DIRECTORY_STORAGE.encode() in start
