"""``dcmturbo completion``: scripts with which a shell completes commands, options, their values and files."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dcmturbo.cli.arguments import HelpFormatter, Parser
from dcmturbo.cli.output import Output
from dcmturbo.formats.syntaxes import TRANSFER_SYNTAXES

__all__ = ["add_parser", "run"]

_EPILOG = """\
bash (needs the package bash-completion; without it, put "source <(dcmturbo completion bash)" into ~/.bashrc):
  mkdir -p ~/.local/share/bash-completion/completions
  dcmturbo completion bash > ~/.local/share/bash-completion/completions/dcmturbo

zsh (with the line "fpath+=~/.zfunc; autoload -Uz compinit; compinit" in ~/.zshrc):
  mkdir -p ~/.zfunc
  dcmturbo completion zsh > ~/.zfunc/_dcmturbo

fish:
  mkdir -p ~/.config/fish/completions
  dcmturbo completion fish > ~/.config/fish/completions/dcmturbo.fish

New shells complete with TAB then. Do this again after an update of dcmturbo.
"""

# Options whose values are transfer syntaxes.
_SYNTAX_OPTIONS = ("--to", "--from")
# Names of values, in the help, that are paths.
_PATHS = ("FILE", "DIR", "OUT", "PATH")

# An empty answer makes bash complete files itself, whatever quotes and spaces their names have.
_BASH = """\
# bash completion for dcmturbo
_dcmturbo() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
    local words= prefix= word restore IFS=$' \\t\\n'
    if [[ $current == = ]]; then  # --to=HT: bash makes three words of it
        current=
    elif [[ $previous == = ]]; then
        previous=${{COMP_WORDS[COMP_CWORD-2]}}
    elif [[ $current == --*=* ]]; then
        previous=${{current%%=*}} prefix=${{current%%=*}}= current=${{current#*=}}
    fi
    COMPREPLY=()
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
        if [[ -z $words && $current != -* ]]; then
            case $command in
                help) words="{commands}" ;;
{choices}
            esac
        fi
    fi
    restore=$(shopt -p nocasematch)
    shopt -s nocasematch
    for word in $words; do
        if [[ $word == "$current"* ]]; then COMPREPLY+=("$prefix$word"); fi
    done
    $restore
}}
complete -o bashdefault -o default -F _dcmturbo dcmturbo
"""

_ZSH = """\
#compdef dcmturbo
# zsh completion for dcmturbo
_dcmturbo_values() {{
    local -a expl
    _wanted values expl value compadd -M 'm:{{a-zA-Z}}={{A-Za-z}}' - "$@"
}}

_dcmturbo() {{
    local -a commands
    commands=(
{commands}
    )
    if (( CURRENT == 2 )); then
        if [[ $words[2] == -* ]]; then
            _arguments '(- *)'{{-h,--help}}'[show this help message]' '(- *)'{{-V,--version}}'[show the version]'
        else
            _describe -t commands command commands
        fi
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
        help)
            _describe -t commands command commands
            ;;
{cases}
    esac
}}

if [[ $funcstack[1] == _dcmturbo ]]; then
    _dcmturbo "$@"
else
    compdef _dcmturbo dcmturbo
fi
"""


def add_parser(commands: Any) -> None:
    """Add ``completion`` to the commands."""
    parser = commands.add_parser(
        "completion",
        help="print a script with which your shell completes commands",
        description="Print a script that completes commands, options, transfer syntaxes and files in a shell.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")
    parser.set_defaults(run=run, json=False, siblings=commands)


@dataclass(frozen=True)
class _Option:
    """An option, and what may be behind it."""

    names: tuple[str, ...]
    help: str
    metavars: tuple[str, ...]  # one for each value
    values: tuple[str, ...]  # that it accepts; empty if they are not known
    repeats: bool

    @property
    def takes_path(self) -> bool:
        """Whether its value is a path."""
        return any(name in _PATHS for name in self.metavars)


@dataclass(frozen=True)
class _Command:
    """A command, its options, and the values of its arguments; these are files if there are none."""

    help: str
    options: tuple[_Option, ...]
    choices: tuple[str, ...]


def _short(text: str) -> str:
    """Return the first part of a help text."""
    return re.split(r"[;:(]| \(|\. ", text)[0].strip().rstrip(".")


def _described(parser: Parser) -> Iterator[_Option]:
    keywords = tuple(syntax.keyword for syntax in TRANSFER_SYNTAXES if syntax.encodable)
    for action in parser.options():
        names = tuple(action.option_strings)
        values = keywords if set(names) & set(_SYNTAX_OPTIONS) else tuple(map(str, action.choices or ()))
        count = action.nargs if isinstance(action.nargs, int) else 1
        shown = action.metavar or action.dest.upper()
        metavars = shown if isinstance(shown, tuple) else (shown,) * count
        yield _Option(
            names, _short(parser.help_of(action)), metavars if count else (), values,
            isinstance(action, argparse._AppendAction),
        )  # fmt: skip


def _commands(parsers: Mapping[str, Parser]) -> dict[str, _Command]:
    found = {}
    for name, parser in parsers.items():
        choices = [action.choices for action in parser.positionals() if action.choices]
        found[name] = _Command(
            _short(parser.description or ""), tuple(_described(parser)), tuple(choices[0]) if choices else ()
        )
    return found


def _for_bash(commands: Mapping[str, _Command]) -> str:
    values, options, choices = [], [], []
    for name, command in commands.items():
        for option in command.options:
            if option.values:
                patterns = "|".join(f"{name}:{one}" for one in option.names)
                values.append(f'            {patterns}) words="{" ".join(option.values)}" ;;')
        words = [one for option in command.options for one in option.names if one.startswith("--")]
        options.append(f'                {name}) words="{" ".join(words)}" ;;')
        if command.choices:
            choices.append(f'                {name}) words="{" ".join(command.choices)}" ;;')
    return _BASH.format(
        commands=" ".join(commands),
        values="\n".join(values),
        options="\n".join(options),
        choices="\n".join(choices),
    )


def _quoted(text: str) -> str:
    """Return a word of zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_option(option: _Option) -> str:
    """Return what ``_arguments`` takes for an option."""
    help_text = re.sub(r"([\\\[\]:])", r"\\\1", option.help)
    rest = f"[{help_text}]"
    for metavar in option.metavars:
        if option.values:
            action = " _dcmturbo_values " + " ".join(option.values)
        else:
            action = "_files" if option.takes_path else " "
        rest += f":{metavar}:{action}"
    star = "*" if option.repeats else ""
    if len(option.names) == 1:
        return _quoted(star + option.names[0] + rest)
    excluded = "" if option.repeats else f"({' '.join(option.names)})"
    return _quoted(excluded + star) + "{" + ",".join(option.names) + "}" + _quoted(rest)


def _for_zsh(commands: Mapping[str, _Command]) -> str:
    lines = [f"        {_quoted(name + ':' + command.help.replace(':', ' '))}" for name, command in commands.items()]
    cases = []
    for name, command in commands.items():
        parts = [_zsh_option(option) for option in command.options]
        if command.choices:
            parts.append(_quoted(f":value:({' '.join(command.choices)})"))
        else:
            parts.append(_quoted("*:file:_files"))
        joined = " \\\n                ".join(parts)
        cases.append(f"        {name})\n            _arguments -s \\\n                {joined}\n            ;;")
    return _ZSH.format(commands="\n".join(lines), cases="\n".join(cases))


def _for_fish(commands: Mapping[str, _Command]) -> str:
    def quoted(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    names = " ".join(commands)
    lines = [
        "# fish completion for dcmturbo",
        "complete -c dcmturbo -n __fish_use_subcommand -s h -l help -d 'show this help message and exit'",
        "complete -c dcmturbo -n __fish_use_subcommand -s V -l version -d 'show the version'",
        "complete -c dcmturbo -n __fish_use_subcommand -f -a help -d 'show the help of a command'",
        f"complete -c dcmturbo -n '__fish_seen_subcommand_from help' -f -a '{names}'",
    ]
    for name, command in commands.items():
        lines.append(f"complete -c dcmturbo -n __fish_use_subcommand -f -a {name} -d {quoted(command.help)}")
        condition = f"complete -c dcmturbo -n '__fish_seen_subcommand_from {name}'"
        for option in command.options:
            flags = "".join(f" -l {one[2:]}" if one.startswith("--") else f" -s {one[1:]}" for one in option.names)
            if option.values:
                flags += f" -x -a '{' '.join(option.values)}'"
            elif option.metavars:
                flags += " -r" if option.takes_path else " -x"
            lines.append(f"{condition}{flags} -d {quoted(option.help)}")
        if command.choices:
            lines.append(f"{condition} -f -a '{' '.join(command.choices)}'")
    return "\n".join(lines) + "\n"


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run ``dcmturbo completion``."""
    write = {"bash": _for_bash, "zsh": _for_zsh, "fish": _for_fish}[arguments.shell]
    sys.stdout.write(write(_commands(arguments.siblings.choices)))
    return output.exit_code
