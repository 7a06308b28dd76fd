"""`python -m lrr_core COMMAND`: latent reasoning refined, measured, trained; each command has `--help`.

Progress goes to stderr, results to stdout or `--out`. Bad input ends with exit code 2 and one line that names the fix.
"""

from __future__ import annotations

import sys

import typer

from .commands import evaluation, experiments, reasoning, shipping, studio, training
from .commands.options import PROGRAM

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__.split("\n")[0])
for command in (
    reasoning.refine,
    reasoning.problems,
    training.split,
    training.train,
    training.assemble,
):
    app.command()(command)
for command in (shipping.plane, shipping.accuracy, shipping.ladder, shipping.live, shipping.bench):
    app.command()(command)
app.command(name="map")(shipping.make_map)
for command in (studio.figure, studio.replay):
    app.command()(command)
for command in (evaluation.evaluate, evaluation.sweep, experiments.calibrate):
    app.command()(command)


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
