"""`python -m lrr_core COMMAND`: latent reasoning refined, measured, trained; each command has `--help`.

Progress goes to stderr, results to stdout or `--out`. Bad input ends with exit code 2 and one line that names the fix.
"""

from __future__ import annotations

import sys

import typer

from .commands import evaluation, experiments, reasoning, shipping, studio, training
from .commands.options import PROGRAM

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n")[0])
COMMANDS = {  # heading -> its commands, in the order of --help
    "Answer": (reasoning.refine, evaluation.evaluate, evaluation.sweep, experiments.calibrate, reasoning.problems),
    "Draw for paper": (studio.figure, studio.replay),
    "Train": (training.get, training.split, training.train, training.assemble),
    "Make what the app shows at once": (
        shipping.make_map,
        shipping.plane,
        shipping.accuracy,
        shipping.live,
        shipping.ladder,
    ),
    "Measure this machine": (shipping.bench,),
}
for heading, commands in COMMANDS.items():
    for command in commands:
        app.command(name=command.__name__.removeprefix("make_"), rich_help_panel=heading)(command)


def main(argv: list[str] | None = None) -> None:
    """Run a command (by default that of the command line) and exit: 0 done, 2 bad input, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        code = app(argv or ["--help"], prog_name=PROGRAM, standalone_mode=False) or 0
        if code == 130:  # how typer reports Ctrl-C here
            print("Stopped.", file=sys.stderr)
        if not argv:
            code = 2
    except typer.TyperException as error:  # an option that does not exist, a number that is none, ...
        command = error.ctx.command_path if getattr(error, "ctx", None) else PROGRAM
        code = _complain(f"{error.format_message().rstrip('.')}; see `{command} --help`.")
    except (ValueError, OSError) as error:  # ProblemError, ModelError, ConfigError, RefineError; unreadable files
        code = _complain(str(error))
    sys.exit(code)


def _complain(message: str) -> int:
    """One line, whatever the message was; the exit code of bad input."""
    print("Error:", " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
