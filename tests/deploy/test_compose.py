"""compose.yaml fits the compose specification, is hardened, and agrees with the files that it mounts."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agent.cli.main import burnline
from sample_rag_app.__main__ import main as sample_app

MOUNT = re.compile(r"(?P<source>[^:]+):(?P<target>/[^:]+)(?P<only>:ro)?")


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    return yaml.safe_load((root / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose) -> dict[str, dict[str, Any]]:
    return compose["services"]


def _validator() -> jsonschema.Draft202012Validator:
    # The specification's own schema, as the package check-jsonschema carries it.
    file = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return jsonschema.Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


def test_the_file_fits_the_compose_specification(compose):
    assert [error.message for error in _validator().iter_errors(compose)] == []


def test_the_specification_would_notice_a_wrong_key(compose):
    wrong = {**compose, "services": {"rag": {**compose["services"]["rag"], "read-only": True}}}
    assert list(_validator().iter_errors(wrong))


def test_the_stack_is_the_service_its_sidecar_and_grafana_and_the_peers_are_asked_for(services):
    assert {name for name, each in services.items() if "profiles" not in each} == {"rag", "agent", "grafana"}
    assert {name for name, each in services.items() if each.get("profiles") == ["peers"]} == {
        "prometheus",
        "alertmanager",
    }


@pytest.mark.parametrize("name", ["rag", "agent", "grafana", "prometheus", "alertmanager"])
def test_a_container_has_no_more_rights_and_memory_than_it_needs(services, name):
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert not {"privileged", "cap_add", "pid", "devices"} & set(service)


def test_nothing_listens_beyond_this_machine(services):
    ports = [port for each in services.values() for port in each.get("ports", ())]
    assert len(ports) == 5
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []


def test_images_of_others_are_of_a_named_version(services):
    images = [each["image"] for name, each in services.items() if name not in ("rag", "agent")]
    assert [image for image in images if not re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image)] == []


def test_what_is_mounted_from_the_checkout_exists_and_is_read_only(root: Path, services):
    for name, service in services.items():
        for mount in service.get("volumes", ()):
            match = MOUNT.fullmatch(mount)
            assert match, mount
            if match["source"].startswith("./"):
                assert (root / match["source"]).exists(), f"{name}: {mount}"
                assert match["only"], f"{name}: {mount}"


def test_every_named_volume_is_declared_and_used(compose):
    used = {
        MOUNT.fullmatch(mount)["source"] for each in compose["services"].values() for mount in each.get("volumes", ())
    }
    assert {name for name in used if not name.startswith(".")} == set(compose["volumes"])


def test_the_agent_stands_in_the_services_network(root: Path, services):
    assert services["agent"]["network_mode"] == "service:rag"
    config = yaml.safe_load((root / "burnline.yml").read_text(encoding="utf-8"))
    (target,) = config["scrape_configs"][0]["static_configs"][0]["targets"]
    assert f"0.0.0.0:{target.rpartition(':')[2]}" in services["rag"]["command"]
    assert "--web.listen-address=0.0.0.0:9477" in services["agent"]["command"]
    assert "127.0.0.1:9477:9477" in services["rag"]["ports"]


def test_the_commands_use_flags_that_exist(services):
    run = burnline.commands["run"]
    _, *agent_flags = services["agent"]["command"]
    assert agent_flags[0] == "run"
    assert {flag.partition("=")[0] for flag in agent_flags[1:]} <= {flag for each in run.params for flag in each.opts}
    known = {flag for each in sample_app.params for flag in each.opts}
    assert {flag for flag in services["rag"]["command"] if flag.startswith("--")} <= known


def test_the_agent_is_given_every_variable_that_its_files_read(root: Path, services):
    read = set()
    for file in (root / "burnline.yml", root / "alertmanager" / "escalation.yml"):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
        read |= set(re.findall(r"\$\{([A-Z_]+)", "\n".join(lines)))
    assert set(services["agent"]["environment"]) == read


def test_the_peers_read_the_same_rules_and_routes(services):
    assert "./rules:/etc/prometheus/rules:ro" in services["prometheus"]["volumes"]
    assert "./rules:/etc/burnline/rules:ro" in services["agent"]["volumes"]
    (routes, *_) = services["alertmanager"]["volumes"]
    assert routes.startswith("./alertmanager/alertmanager.yml:")


def test_grafana_finds_the_dashboards_and_the_agent(root: Path, services):
    provisioning = root / "dashboards" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "burnline.yaml").read_text(encoding="utf-8"))[
        "providers"
    ]
    mounts = {
        MOUNT.fullmatch(each)["target"]: MOUNT.fullmatch(each)["source"] for each in services["grafana"]["volumes"]
    }
    assert mounts[provider["options"]["path"]] == "./dashboards"
    assert mounts["/etc/grafana/provisioning"] == "./dashboards/provisioning"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (root / "dashboards" / Path(home).relative_to(provider["options"]["path"])).is_file()


def test_the_data_source_knows_the_scrape_interval_and_is_reached_through_the_services_network(root: Path):
    file = root / "dashboards" / "provisioning" / "datasources" / "burnline.yaml"
    (source,) = yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    config = yaml.safe_load((root / "burnline.yml").read_text(encoding="utf-8"))
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    assert source["url"] == "http://rag:9477"
    assert source["type"] == "prometheus"


@pytest.mark.peers
def test_prometheus_accepts_its_configuration(root: Path, peer):
    promtool = peer("promtool", "prometheus")
    command = [promtool, "check", "config", "--syntax-only", str(root / "deploy" / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
