"""``harness view``."""

from pathlib import Path
from typing import Final

import click

_EPILOG: Final = """\b
Examples:
  harness view                        http://127.0.0.1:8642, opened in a browser
  harness view --port 0 --no-open     any free port; its address is printed
"""


@click.command(epilog=_EPILOG)
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("results/runs"),
              show_default=True, help="Where runs lie.")  # fmt: skip
@click.option("--history", type=click.Path(path_type=Path, file_okay=False), default=Path("reports/history"),
              show_default=True, help="Where `harness history` put its page.")  # fmt: skip
@click.option("--asv", type=click.Path(path_type=Path, file_okay=False), default=Path("reports/asv"),
              show_default=True, help="Where `asv publish` put its pages.")  # fmt: skip
@click.option(
    "-p", "--port", type=click.IntRange(0, 65535), default=8642, show_default=True, help="0: any that is free."
)
@click.option("--open/--no-open", "open_", default=True, show_default=True, help="Open a browser.")
def command(runs: Path, history: Path, asv: Path, port: int, open_: bool) -> None:
    """Look at all runs in a browser: reports, any two compared, runs in flight, history.

    The server answers to this machine alone, and only reads.
    """
    from harness.errors import UsageError
    from harness.report.serve import HOST, Viewer, server

    try:
        serving = server(Viewer(runs, history, asv), port)
    except OSError as cause:
        raise UsageError(f"cannot listen on port {port}: {cause.strerror}; take another with --port") from cause
    address = f"http://{HOST}:{serving.server_address[1]}/"
    click.echo(f"{address}   (Ctrl-C ends it)")
    if open_:
        click.launch(address)
    with serving:
        serving.serve_forever()
