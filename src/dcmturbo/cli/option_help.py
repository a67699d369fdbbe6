"""The options of the encoders on the command line, from the core's tables."""

from __future__ import annotations

from dcmturbo.formats.options import Option, all_encoder_options, encoder_options
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES

__all__ = ["describe_options", "flag_of", "lossy_flags"]


def flag_of(option: Option) -> str:
    """Return the option of the command line for an option that can lose information: ``"--lossy-ratio"``."""
    return "--lossy-" + ("maximum-error" if option.bounds_error else option.name.replace("_", "-"))


def lossy_flags() -> dict[str, Option]:
    """Return the options that can lose information, by their options of the command line."""
    return {flag_of(option): option for option in all_encoder_options().values() if option.can_lose}


def describe_options() -> str:
    """Return the part of ``--help`` that says which transfer syntax has which options."""
    lossy: dict[str, list[str]] = {}
    others: dict[Option, list[str]] = {}
    for syntax in TRANSFER_SYNTAXES:
        options = encoder_options(syntax, prefer_library=False)
        flags = " or ".join(flag_of(option) for option in options if option.can_lose)
        if flags:
            required = " (always lossy: one is required)" if syntax.format.loss == "always" else ""
            lossy.setdefault(flags + required, []).append(syntax.keyword)
        for option in options:
            if not option.can_lose:
                others.setdefault(option, []).append(syntax.keyword)
    names = {flags: ", ".join(keywords) for flags, keywords in lossy.items()}
    width = max(map(len, names.values()), default=0)
    lines = ["Compression is lossless unless you use one of these options:"]
    lines += [f"  {keywords:{width}}   {flags}" for flags, keywords in names.items()]
    lines += ["", "Other options of the encoders, as --option NAME=VALUE:"]
    for option, keywords in others.items():
        lines.append(f"  {option.name} ({', '.join(keywords)})")
        lines.append(f"      {option.describe()}")
    return "\n".join(lines) + "\n"
