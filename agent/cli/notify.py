"""`burnline notify test`: a marked message through a receiver, or what would be sent; and whether the providers answer.

From files, without a running agent; or through the agent, with what is in force there.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from agent.cli.client import FILES, call
from agent.cli.kinds import kind_of
from agent.errors import InvalidInput
from agent.notify import Routing, load_routing


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    receiver: str
    sample: str = "firing"
    replay: str = ""
    dry_run: bool = False
    steps: bool = False
    probe: bool = False


def run_test(url: str, config_file: Path | None, asked: Asked, *, as_json: bool) -> int:
    """Try a receiver and print what each target answered; return 1 where anything did not get through."""
    if not asked.receiver and not asked.probe:
        raise InvalidInput("say which receiver to try, or --probe to ask all providers whether they are there")
    found = _by_files(config_file, asked) if config_file else _by_agent(url, asked)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show(found["tried"], asked)
    return 1 if any(not each["ok"] for each in found["tried"]) else 0


def _by_agent(url: str, asked: Asked) -> Mapping[str, Any]:
    body: dict[str, Any] = {
        name: getattr(asked, name) for name in ("receiver", "sample", "replay", "dry_run", "steps", "probe")
    }
    found: Mapping[str, Any] = call(url, "/api/v1/notify/test", body, as_json=True, timeout=120, instead=FILES)
    return found


def _by_files(path: Path, asked: Asked) -> Mapping[str, Any]:
    if asked.replay:
        raise InvalidInput("--replay sends again what a running agent sent; leave out --config.file")
    from agent.app import notify_test, probe_files

    routing, external_url = _read(path, offline=asked.dry_run)
    if asked.probe:
        return asyncio.run(probe_files(routing))
    now_ms = time.time_ns() // 1_000_000
    return asyncio.run(
        notify_test(
            routing,
            asked.receiver,
            now_ms,
            sample=asked.sample,
            external_url=external_url,
            dry_run=asked.dry_run,
            steps=asked.steps,
        )
    )


def _read(path: Path, *, offline: bool) -> tuple[Routing, str]:
    """Read the routing of a burnline.yml or an alertmanager.yml; `offline` needs neither secrets nor variables."""
    from agent.replay import rehearsed_routing

    kind = kind_of(path)
    if kind == "configuration":
        from agent.config import Flags, load_config

        config = load_config(Flags(path), os.environ, Path.cwd())
        strict = config.file.notify.alertmanager_compat == "strict" or None
        read = rehearsed_routing if offline else load_routing
        return read(config.routing_file, config.escalation_file, os.environ, strict=strict), config.external_url
    if kind != "routes":
        message = f"{path} holds {kind}; receivers are in a burnline.yml or an alertmanager.yml"
        raise InvalidInput(message)
    beside = path.parent / "escalation.yml"
    read = rehearsed_routing if offline else load_routing
    return read(path, beside if beside.is_file() else None, os.environ), "http://127.0.0.1:9477"


def _show(tried: list[dict[str, Any]], asked: Asked) -> None:
    if not tried:
        click.echo("no provider can be asked" if asked.probe else "this receiver tells nobody")
    for each in tried:
        mark = click.style("ok  ", fg="green") if each["ok"] else click.style("FAIL", fg="red", bold=True)
        whom = f" {each['target']}" if each["target"] else ""
        who = f" ({each['person']})" if each["person"] else ""
        when = f", {each['when']}" if each["when"] not in ("", "at once") else ""
        click.echo(f"{mark} {each['channel']}{whom}{who}{when}: {each['said']}")
        if each["payload"]:
            click.echo("\n" + "\n".join(f"    {line}".rstrip() for line in each["payload"].splitlines()) + "\n")
