"""Arguments of commands: a function's signature says what it takes, `argparse` reads it.

`Argument` and `Option` are metadata of annotations. Types are str, int, float, Path, a `Literal` of texts, each perhaps
with None, and bool for a flag::

    def denoise(
        source: Annotated[Path, Argument("INPUT", help="Sound file to read.")],
        level: Annotated[float, Option(metavar="LEVEL", low=60, high=100, help="How strongly.")] = 85,
        as_json: Annotated[bool, Option("--json", help="Print the result as JSON.")] = False,
    ) -> int: ...
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args, get_origin

from voiceband.commands._console import refuse, width

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Argument:
    """What must be given, by its place: the name that help shows, and what it is."""

    metavar: str
    help: str


class Option:
    """What may be given, by its name.

    Parameters
    ----------
    *names : str
        As "-o", "--out"; default: the parameter's name.
    help : str
        What it is.
    metavar : str, optional
        What help shows for the value; default: by the type.
    low, high : float, optional
        Range of a number.
    env : str, optional
        Environment variable that is read where the option is not given.
    group : str, optional
        Heading in help.
    """

    def __init__(
        self,
        *names: str,
        help: str,  # noqa: A002 - as argparse calls it
        metavar: str | None = None,
        low: float | None = None,
        high: float | None = None,
        env: str | None = None,
        group: str = "options",
    ) -> None:
        self.names, self.help, self.metavar, self.env, self.group = names, help, metavar, env, group
        self.low, self.high = low, high


def read(name: str, function: Callable[..., int | None], words: list[str]) -> dict[str, Any]:
    """Return a command's arguments by the names of its parameters; refuse what is wrong, and show help."""
    return vars(parser_of(name, function).parse_args(words))


def parser_of(name: str, function: Callable[..., int | None]) -> argparse.ArgumentParser:
    """Return the parser of a command."""
    parser = _Parser(
        prog=f"voiceband {name}",
        usage=f"voiceband {name} {_places(function)}[OPTIONS]",
        description=inspect.getdoc(function),
        formatter_class=_Formatter,
        allow_abbrev=False,
        add_help=False,
    )
    vars(parser)["color"] = False  # of Python 3.14
    parser._positionals.title = "arguments"
    groups: dict[str, Any] = {"options": parser.add_argument_group("options")}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        kind, about = get_args(parameter.annotation)[0], parameter.annotation.__metadata__[0]
        if isinstance(about, Argument):
            parser.add_argument(parameter.name, metavar=about.metavar, type=_reader(kind, about), help=about.help)
            continue
        if about.group not in groups:
            groups[about.group] = parser.add_argument_group(about.group)
        _add_option(groups[about.group], parameter, kind, about)
    groups["options"].add_argument("-h", "--help", action="help", help="Show this help and exit.")
    return parser


def _places(function: Callable[..., int | None]) -> str:
    """Return what a command takes by place."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    found = [parameter.annotation.__metadata__[0] for parameter in parameters]
    return "".join(f"{about.metavar} " for about in found if isinstance(about, Argument))


def _add_option(group: Any, parameter: inspect.Parameter, kind: Any, about: Option) -> None:
    names = about.names or ("--" + parameter.name.replace("_", "-"),)
    if kind is bool:
        group.add_argument(*names, dest=parameter.name, action="store_true", help=about.help)
        return
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    text = about.help
    if about.env is not None:
        text += f" [env: {about.env}]"
    if default is not None and default != "":
        text += f" [default: {default:g}]" if isinstance(default, float) else f" [default: {default}]"
    if about.env is not None and about.env in os.environ:
        default = os.environ[about.env]
    group.add_argument(
        *names,
        dest=parameter.name,
        default=default,
        required=required,
        type=_reader(kind, about),
        metavar=about.metavar or _metavar(kind),
        help=text.replace("%", "%%"),
    )


def _kinds(kind: Any) -> tuple[Any, ...]:
    """Return what an annotation allows, None left out."""
    if get_origin(kind) is Literal:
        return (kind,)
    return tuple(k for k in get_args(kind) if k is not type(None)) or (kind,)


def _metavar(kind: Any) -> str:
    (kind,) = _kinds(kind)
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    return {int: "N", float: "NUMBER", str: "TEXT"}.get(kind, "PATH")


def _reader(kind: Any, about: Argument | Option) -> Callable[[str], Any]:
    """Return what turns the text of an argument into its value."""
    (kind,) = _kinds(kind)
    low, high = (about.low, about.high) if isinstance(about, Option) else (None, None)

    def value(text: str) -> Any:
        if get_origin(kind) is Literal:
            if text not in get_args(kind):
                raise argparse.ArgumentTypeError(f"must be one of {', '.join(get_args(kind))}, not {text!r}")
            return text
        if kind not in (int, float):
            return kind(text)
        try:
            number = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a {_WORDS[kind]}, not {text!r}") from None
        if not (low is None or number >= low) or not (high is None or number <= high) or number != number:
            raise argparse.ArgumentTypeError(f"must be {_span(low, high)}, not {text}")
        return number

    return value


_WORDS = {int: "whole number", float: "number"}


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}" if high is not None else "a number"
    return f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, in words of its own."""

    def error(self, message: str) -> NoReturn:
        help_line = f"see {self.prog} --help"
        if found := re.match(r"unrecognized arguments: (.*)", message):
            word = found[1].split()[0].partition("=")[0]
            if not word.startswith("-"):
                refuse(f"{found[1]!r} is one argument too many; {help_line}")
            known = [name for action in self._actions for name in action.option_strings]
            if word in known:
                refuse(f"{word!r} behind -- is one argument too many; {help_line}")
            near = difflib.get_close_matches(word, known, 1, 0.7)
            refuse(f"there is no option {word}; {f'did you mean {near[0]}?' if near else help_line}")
        if found := re.match(r"the following arguments are required: (.*)", message):
            refuse(f"{found[1]} must be given; {help_line}")
        if found := re.match(r"argument (?:-\w/)?(\S+?): (.*)", message):
            what = {"expected one argument": f"must be followed by a value; {help_line}"}.get(found[2], found[2])
            refuse(f"{found[1]} {what}")
        refuse(f"{message}; {help_line}")


class _Formatter(argparse.HelpFormatter):
    """Keeps the paragraphs of a docstring apart, and fits the screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=min(width(), 100) - 1)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Write names and value as Python 3.13 and later do."""
        if not action.option_strings:
            return super()._format_action_invocation(action)
        value = "" if action.nargs == 0 else f" {action.metavar}"
        return ", ".join(action.option_strings) + value

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
        return "\n\n".join(
            textwrap.fill(paragraph, width, initial_indent=indent, subsequent_indent=indent) for paragraph in paragraphs
        )
