"""The command line in this process."""

from typer.testing import CliRunner

from refinezoo import cli


def run(*arguments):
    """What the verb and its arguments gave: `exit_code`, `stdout`, `stderr`, `exception`."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
