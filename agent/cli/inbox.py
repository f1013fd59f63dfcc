"""Run the local inbox until Ctrl-C or SIGTERM, and say what to paste where."""

from __future__ import annotations

import asyncio
import shlex
import signal

import click

from agent.cli.screen import Screen
from agent.errors import BurnlineError
from agent.notify.inbox import Inbox

PORTS = (8025, 1025)
"""Of the page and of the mail server."""


def run_inbox(host: str, http_port: int, smtp_port: int, agent: str) -> None:
    """Listen, print the settings that send to it, and stay; raise BurnlineError where a port is taken.

    What is texted back on its page goes to `agent`, a URL.
    """
    asyncio.run(_run(host, http_port, smtp_port, agent))


def show_environment(host: str, http_port: int, smtp_port: int) -> None:
    """Print the lines for a shell that point the shipped files at an inbox on these ports."""
    for name, value in Inbox(host=host, http_port=http_port, smtp_port=smtp_port).environment().items():
        click.echo(f"export {name}={shlex.quote(value)}")


async def _run(host: str, http_port: int, smtp_port: int, agent: str) -> None:
    inbox = Inbox(host=host, http_port=http_port, smtp_port=smtp_port)
    inbox.phone.callback_base = agent.rstrip("/")
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await inbox.start()
    except OSError as error:
        message = f"cannot open the inbox on {host}, ports {http_port} and {smtp_port}: {error.strerror}; choose others"
        raise BurnlineError(message) from error
    try:
        console = Screen(soft_wrap=True)
        console.print(f"The inbox is at [bold cyan]{inbox.url}[/].\n")
        ports = (
            "" if (http_port, smtp_port) == PORTS else f" --http-port {inbox.http_port} --smtp-port {inbox.smtp_port}"
        )
        console.print("The shipped files lead to it in a shell in which this was said:\n")
        console.print(f'  eval "$(burnline inbox --environment{ports})"\n', markup=False, highlight=False, style="cyan")
        console.print("Files of your own, with this in alertmanager/escalation.yml:\n")
        console.print(inbox.settings(), markup=False, highlight=False)
        console.print(f"Phones on the page can text back to the agent at {agent}. Ctrl-C ends it.", style="dim")
        await stopping.wait()
    finally:
        await inbox.stop()
