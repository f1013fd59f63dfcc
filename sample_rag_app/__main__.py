"""`python -m sample_rag_app`: read flags and environment, listen, and stop cleanly on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import structlog
from aiohttp import web

from sample_rag_app.logs import configure_logs
from sample_rag_app.server import create_app
from sample_rag_app.settings import DOCUMENTS, Settings

SHUTDOWN_SECONDS = 5.0


@click.command()
@click.option(
    "--listen-address", default="127.0.0.1:8000", show_default=True, help="HOST:PORT; port 0 takes a free one."
)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where added documents are kept.")
@click.option("--documents-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), default=DOCUMENTS)
@click.option(
    "--admin-token-file",
    type=click.Path(path_type=Path),
    help="Holds the token of /admin/faults; else RAG_ADMIN_TOKEN.",
)
@click.option(
    "--client", "clients", multiple=True, help="A client_id kept as a label (repeatable); default: the first 20."
)
@click.option(
    "--top-queries",
    type=click.Choice(["hidden", "readable"]),
    default="hidden",
    show_default=True,
    help="Whether frequent questions are shown as text.",
)
@click.option(
    "--requests-per-second",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    help="Each client's pace; 0 means no bound.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def main(
    listen_address: str,
    data_dir: Path | None,
    documents_dir: Path,
    admin_token_file: Path | None,
    clients: tuple[str, ...],
    top_queries: str,
    requests_per_second: float,
    log_level: str,
) -> None:
    """Answer questions about how to repair this service, from its own runbooks."""
    configure_logs(log_level)
    host, port = parse_address(listen_address)
    settings = Settings(
        documents_dir=documents_dir,
        data_dir=data_dir,
        admin_token=read_token(admin_token_file, os.environ.get("RAG_ADMIN_TOKEN")),
        clients=clients,
        readable_top_queries=top_queries == "readable",
        requests_per_second=requests_per_second,
        burst=max(1, int(2 * requests_per_second)),
    )
    try:
        app = create_app(settings)
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read the documents: {error}") from error
    try:
        asyncio.run(serve(app, host, port))
    except OSError as error:
        raise click.ClickException(f"cannot serve on {listen_address}: {error.strerror or error}") from error


def parse_address(address: str) -> tuple[str, int]:
    """Split HOST:PORT ([::1]:8000 too); raises click.BadParameter."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise click.BadParameter(f"{address!r} is no HOST:PORT, such as 127.0.0.1:8000", param_hint="--listen-address")
    return host.removeprefix("[").removesuffix("]"), int(port)


def read_token(file: Path | None, environment: str | None) -> str | None:
    """Return the admin token of the file, else of the environment; raises click.BadParameter for a useless file."""
    if file is None:
        return environment or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"cannot read {file}: {error}", param_hint="--admin-token-file") from error
    if not token:
        raise click.BadParameter(f"{file} is empty", param_hint="--admin-token-file")
    return token


async def serve(app: web.Application, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then let running queries end; raises OSError when the address is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    log = structlog.get_logger("sample_rag_app")
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        log.info("listening", addresses=[f"{name[0]}:{name[1]}" for name in runner.addresses])
        await stop.wait()
        log.info("stopping")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
