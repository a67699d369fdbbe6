"""``dcmturbo completion``: scripts with which a shell completes commands, options and transfer syntaxes."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from dcmturbo.cli.arguments import HelpFormatter, options_of
from dcmturbo.cli.output import Output
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  dcmturbo completion bash > ~/.local/share/bash-completion/completions/dcmturbo
  dcmturbo completion zsh > ~/.zfunc/_dcmturbo
  dcmturbo completion fish > ~/.config/fish/completions/dcmturbo.fish
"""

# Options whose values are transfer syntaxes.
_SYNTAX_OPTIONS = ("--to", "--from")

_BASH = """\
# bash completion for dcmturbo
_dcmturbo() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}} words=
    if (( COMP_CWORD == 1 )); then
        words="{commands} help --help --version"
    else
        case $command:$previous in
{values}
        esac
        if [[ -z $words && $current == -* ]]; then
            case $command in
{options}
            esac
        fi
    fi
    if [[ -n $words ]]; then
        COMPREPLY=( $(compgen -W "$words" -- "$current") )
    else
        COMPREPLY=( $(compgen -f -- "$current") )
    fi
}}
complete -o filenames -F _dcmturbo dcmturbo
"""


def add_parser(commands: Any) -> None:
    """Add ``completion`` to the commands."""
    parser = commands.add_parser(
        "completion",
        help="print a script with which your shell completes commands",
        description="Print a script that completes commands, options and transfer syntaxes in a shell.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")
    parser.set_defaults(run=run, json=False, siblings=commands)


def _values_of(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Return the values that options accept: ``{"--format": ["png", "npy"]}``."""
    usage = " ".join(parser.format_usage().split())
    values = {name: choices.split(",") for name, choices in re.findall(r"(--[a-z][\w-]*) \{([^}]*)\}", usage)}
    keywords = [syntax.keyword for syntax in TRANSFER_SYNTAXES if syntax.encodable]
    return values | {name: keywords for name in _SYNTAX_OPTIONS if name in options_of(parser)}


def _for_bash(parsers: dict[str, argparse.ArgumentParser]) -> str:
    values, options = [], []
    for command, parser in parsers.items():
        for option, accepted in _values_of(parser).items():
            values.append(f'            {command}:{option}) words="{" ".join(accepted)}" ;;')
        options.append(f'                {command}) words="--help {" ".join(options_of(parser))}" ;;')
    return _BASH.format(commands=" ".join(parsers), values="\n".join(values), options="\n".join(options))


def _for_fish(parsers: dict[str, argparse.ArgumentParser]) -> str:
    lines = ["# fish completion for dcmturbo"]
    for command, parser in parsers.items():
        lines.append(f"complete -c dcmturbo -n __fish_use_subcommand -f -a {command}")
        condition = f"-n '__fish_seen_subcommand_from {command}'"
        values = _values_of(parser)
        for option in options_of(parser):
            accepted = f" -x -a '{' '.join(values[option])}'" if option in values else ""
            lines.append(f"complete -c dcmturbo {condition} -l {option[2:]}{accepted}")
    return "\n".join(lines) + "\n"


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo completion``."""
    parsers = dict(arguments.siblings.choices)
    if arguments.shell == "fish":
        script = _for_fish(parsers)
    else:
        script = _for_bash(parsers)
        if arguments.shell == "zsh":
            script = "#compdef dcmturbo\nautoload -U +X bashcompinit && bashcompinit\n" + script
    sys.stdout.write(script)
    return output.exit_code
