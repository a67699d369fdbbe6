"""Remove secrets from URLs: user names, passwords and signatures are never shown or stored."""

from __future__ import annotations

import re

__all__ = ["without_secrets"]

_HIDDEN = "***"
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^\s/?#'\"<>]*)@")
# In these URLs, the text before an @ is part of a name.
_WITHOUT_USERS = frozenset({"file", "libarchive", "local", "memory", "tar", "zip"})
_TOKENS_AS_USERS = frozenset({"http", "https", "git+https", "webdav", "webdavs"})
_QUERY = re.compile(
    r"([?&](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|signature|sig|"
    r"(?:access_|auth_)?token|api_?key|password|passwd|secret|awsaccesskeyid)=)[^&\s'\"<>]*",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """Return a text in which no URL has a user with a password, a token, or a signature.

    Two URLs that differ only in these become the same text, so a manifest with such texts finds them again.
    """
    if "://" not in text:
        return text
    return _QUERY.sub(rf"\1{_HIDDEN}", _USER.sub(_hide_user, text))


def _hide_user(found: re.Match[str]) -> str:
    scheme = found[1].lower()
    if scheme in _WITHOUT_USERS or (":" not in found[2] and scheme not in _TOKENS_AS_USERS):
        return found[0]
    return f"{found[1]}://{_HIDDEN}@"
