"""The `voiceband` command: one subcommand per module of `voiceband.commands`."""

import sys


def main() -> None:
    """Run the command line; say which extra is missing, and stop quietly on Ctrl-C at any time."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    try:
        import rich
        import typer
    except ModuleNotFoundError as error:
        sys.exit(f"voiceband: the command line needs {error.name}; pip install 'voiceband[cli]' brings it")
    del rich  # the commands draw with it

    from voiceband.commands.batch import batch
    from voiceband.commands.bench import bench
    from voiceband.commands.call import call
    from voiceband.commands.convert import convert
    from voiceband.commands.demo import demo
    from voiceband.commands.denoise import denoise
    from voiceband.commands.load import load
    from voiceband.commands.report import report
    from voiceband.commands.serve import serve

    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Telephone audio for voice agents.",
    )
    app.callback()(lambda: None)
    app.command()(batch)
    app.command()(bench)
    app.command()(call)
    app.command()(convert)
    app.command()(demo)
    app.command()(denoise)
    app.command()(load)
    app.command()(report)
    app.command()(serve)
    app()
