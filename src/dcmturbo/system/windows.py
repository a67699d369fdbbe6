"""Windows' own calls where Python's ``os`` has none that behaves as on other systems."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

assert sys.platform == "win32"

import msvcrt  # noqa: E402 (type checkers read the lines behind the assertion on Windows only)
from ctypes import wintypes  # noqa: E402

_GENERIC_READ, _GENERIC_WRITE = 0x80000000, 0x40000000
_SHARE_ALL = 1 | 2 | 4  # reading, writing and deleting, which includes renaming
_CREATE_NEW, _CREATE_ALWAYS, _OPEN_EXISTING, _OPEN_ALWAYS, _TRUNCATE_EXISTING = range(1, 6)
_ATTRIBUTE_NORMAL = 0x80
_OPEN_REPARSE_POINT = 0x00200000
_LOCK_FAIL_IMMEDIATELY, _LOCK_EXCLUSIVE = 1, 2
_ERROR_LOCK_VIOLATION, _ERROR_IO_PENDING = 33, 997
_LOCKED_AT = 0x40000000  # times 2**32: no file has that byte, so a lock on it keeps nobody from reading


class _Overlapped(ctypes.Structure):
    _fields_ = (
        ("internal", ctypes.c_void_p),
        ("internal_high", ctypes.c_void_p),
        ("offset", wintypes.DWORD),
        ("offset_high", wintypes.DWORD),
        ("event", wintypes.HANDLE),
    )


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_D, _H, _P = wintypes.DWORD, wintypes.HANDLE, ctypes.c_void_p
_kernel.CreateFileW.argtypes = (wintypes.LPCWSTR, _D, _D, _P, _D, _D, _H)
_kernel.CreateFileW.restype = _H
_kernel.CloseHandle.argtypes = (_H,)
_kernel.LockFileEx.argtypes = (_H, _D, _D, _D, _D, ctypes.POINTER(_Overlapped))
_kernel.UnlockFileEx.argtypes = (_H, _D, _D, _D, ctypes.POINTER(_Overlapped))


def open_file(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file as ``os.open`` does, but so that it can be renamed and removed while it is open."""
    name = os.fsdecode(path)
    access = {os.O_RDONLY: _GENERIC_READ, os.O_WRONLY: _GENERIC_WRITE}.get(
        flags & (os.O_WRONLY | os.O_RDWR), _GENERIC_READ | _GENERIC_WRITE
    )
    attributes = _ATTRIBUTE_NORMAL
    if flags & os.O_CREAT and flags & os.O_EXCL:
        how = _CREATE_NEW
        attributes |= _OPEN_REPARSE_POINT  # a link without a target takes the name too
    elif flags & os.O_CREAT:
        how = _CREATE_ALWAYS if flags & os.O_TRUNC else _OPEN_ALWAYS
    else:
        how = _TRUNCATE_EXISTING if flags & os.O_TRUNC else _OPEN_EXISTING
    handle = _kernel.CreateFileW(name, access, _SHARE_ALL, None, how, attributes, None)
    if handle is None or handle == _H(-1).value:
        code = ctypes.get_last_error()
        raise OSError(0, ctypes.FormatError(code).strip(), name, code)
    try:
        return msvcrt.open_osfhandle(handle, flags)
    except BaseException:
        _kernel.CloseHandle(handle)
        raise


def lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock an open file for as long as it is open; see `dcmturbo.system.lock`."""
    how = _LOCK_EXCLUSIVE | (0 if wait else _LOCK_FAIL_IMMEDIATELY)
    if _kernel.LockFileEx(msvcrt.get_osfhandle(descriptor), how, 0, 1, 0, ctypes.byref(_where())):
        return True
    return False if ctypes.get_last_error() in (_ERROR_LOCK_VIOLATION, _ERROR_IO_PENDING) else None


def unlock(descriptor: int) -> None:
    """Release what `lock` has locked."""
    _kernel.UnlockFileEx(msvcrt.get_osfhandle(descriptor), 0, 1, 0, ctypes.byref(_where()))


def _where() -> Any:
    return _Overlapped(offset_high=_LOCKED_AT)
