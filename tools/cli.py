"""The command line: `jpegai COMMAND ...`. Each command is a module of its own, imported when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from jpegai.tools.failures import FAILURES, describe

__all__ = ["main"]

#: Command name to the module and object that hold it.
_COMMANDS = {
    "compare": ("compare", "compare"),
    "decode": ("decode", "decode"),
    "demo": ("demo", "demo"),
    "dump": ("dump", "dump"),
    "edit": ("edit", "edit"),
    "extract": ("extract", "extract"),
    "inspect": ("inspect", "inspect"),
    "models": ("models", "models"),
    "stats": ("stats", "stats"),
    "suite": ("suite", "suite"),
    "syntax": ("syntax", "syntax"),
    "validate": ("validate", "validate"),
}
_HELP = {
    "compare": "Compare dumps, codestreams and pictures, stage by stage.",
    "decode": "Decode codestreams to pictures.",
    "demo": "Inspect and decode the embedded streams.",
    "dump": "Write every intermediate result of a decode.",
    "edit": "Change a codestream without coding it again.",
    "extract": "Write the bytes of a segment, a region, a thread or a byte string.",
    "inspect": "Show what is in a codestream, to the bit.",
    "models": "List, verify, pack, export and quantize models; what they cost.",
    "stats": "Show where the bytes of codestreams go.",
    "suite": "What a set of streams exercises.",
    "syntax": "Print the syntax tables of the codestream.",
    "validate": "Hold codestreams to the rules of conformance.",
}


class _Commands(click.Group):
    """Loads a command's module only when the command is called, so that none pays for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"jpegai.tools.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_HELP.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jpegai", prog_name="jpegai")
def cli() -> None:
    """Inspect, decode and validate JPEG AI codestreams (ISO/IEC 6048-1 | ITU-T T.840.1).

    Exit codes: 0 fine; 1 errors or differences found, or an edit refused; 2 usage; 3 damaged or truncated;
    4 unsupported; 5 models missing or wrong; 6 limit; 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    try:
        code = cli.main(arguments, prog_name="jpegai", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("jpegai: interrupted", err=True)
        code = 130
    except BrokenPipeError:
        # the reader of our output went away; nothing is left to say, and the interpreter must not try
        sys.stdout = None
        code = 0
    except FAILURES as error:
        message, code = describe(error)
        click.echo(f"jpegai: {message}", err=True)
    sys.exit(code if isinstance(code, int) else 0)
