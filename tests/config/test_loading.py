"""burnline.yml and the flags become one resolved configuration, or one clear error."""

from __future__ import annotations

import pytest

from agent.config import Flags, load_config, parse_listen_address
from agent.errors import InvalidInput, SchemaError

EXAMPLE = """
global: {scrape_interval: 5s, external_labels: {service: rag}}
scrape_configs:
  - {job_name: rag, static_configs: [{targets: ["127.0.0.1:8000"], labels: {tier: web}}]}
rule_files: ["rules/*.yml"]
notify: {config_file: am.yml}
storage: {path: data, retention: 1d, max_memory: 64MB}
web: {listen_address: "127.0.0.1:9999", external_url: "${PUBLIC_URL:-}"}
"""


def load(tmp_path, text=None, environment=None, **flags):
    if text is not None:
        (tmp_path / "burnline.yml").write_text(text)
    return load_config(Flags(**flags), environment or {}, tmp_path)


def test_a_file_in_the_working_directory_is_read_and_its_paths_stand_beside_it(tmp_path):
    config = load(tmp_path, EXAMPLE)

    assert config.file.global_.scrape_interval == 5_000
    assert config.evaluation_interval_ms == 5_000
    assert config.file.scrape_configs[0].static_configs[0].targets == ("127.0.0.1:8000",)
    assert config.rule_globs == (str(tmp_path / "rules/*.yml"),)
    assert config.routing_file == tmp_path / "am.yml"
    assert config.escalation_file is None
    assert config.storage_path == tmp_path / "data"
    assert (config.host, config.port, config.external_url) == ("127.0.0.1", 9999, "http://127.0.0.1:9999")
    assert config.file.storage.max_memory == 64 * 2**20


def test_flags_win_over_the_file(tmp_path):
    config = load(
        tmp_path,
        EXAMPLE,
        listen_address="[::1]:1234",
        external_url="https://b.example.org/",
        storage_path=str(tmp_path / "other"),
    )

    assert (config.host, config.port) == ("::1", 1234)
    assert config.external_url == "https://b.example.org"
    assert config.storage_path == tmp_path / "other"


def test_variables_are_expanded_from_the_environment(tmp_path):
    assert load(tmp_path, EXAMPLE, {"PUBLIC_URL": "https://x.example"}).external_url == "https://x.example"


def test_a_target_needs_no_file_at_all_and_brings_the_generic_rules(tmp_path):
    config = load(tmp_path, targets=("http://localhost:8000/",))

    assert config.file.scrape_configs[0].static_configs[0].targets == ("localhost:8000",)
    assert config.routing_file is None
    assert config.rule_globs
    assert not any("rag.yml" in pattern for pattern in config.rule_globs)


def test_a_target_wins_over_a_file_that_merely_lies_there(tmp_path):
    assert load(tmp_path, EXAMPLE, targets=("localhost:8000",)).source == "command line"


def test_a_target_beside_a_named_file_is_one_more_job(tmp_path):
    text = EXAMPLE.replace("job_name: rag", "job_name: other")
    (tmp_path / "b.yml").write_text(text)

    config = load_config(Flags(config_file=tmp_path / "b.yml", targets=("x:1",)), {}, tmp_path)

    assert ["other", "rag"] == [job.job_name for job in config.file.scrape_configs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scrape_config: []", '1:1: unknown key "scrape_config" in the configuration; did you mean "scrape_configs"?'),
        ("web: {listen_address: localhost}", '1:23: not a listen address: "localhost"; write it like 127.0.0.1:9477'),
        ("web: {listen_address: 'x:99999'}", '1:23: not a listen address: "x:99999"; write it like 127.0.0.1:9477'),
        ("web: {external_url: b.example.org}", "1:21: not a URL"),
        ("global: {scrape_interval: 5}", '1:27: not a valid duration: "5"; write it like 30s, 5m or 1h30m'),
        ("global: {scrape_interval: 100ms, scrape_timeout: 1s}", "scrape_timeout is longer than scrape_interval"),
        ("global: {scrape_interval: 0s}", "scrape_interval is 0; write it like 15s"),
        (
            "{global: {scrape_interval: 5s}, scrape_configs: [{job_name: a, scrape_timeout: 6s}]}",
            'job "a": scrape_timeout 6s is longer than scrape_interval, which is 5s',
        ),
        ("storage: {exemplars: {max_exemplars: -1}}", "max_exemplars is below 0; 0 keeps none"),
        ("storage: {path: '${NOPE}'}", "1:17: environment variable NOPE is not set"),
        ("scrape_configs: [{job_name: a}, {job_name: a}]", 'job_name "a" is given twice'),
        ("notify: {alertmanager_compat: strikt}", "expected one of default, strict"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, expected):
    with pytest.raises(SchemaError) as error:
        load(tmp_path, text)
    assert len(error.value.problems) == 1
    assert error.value.problems[0].startswith(str(tmp_path / "burnline.yml"))
    assert expected in error.value.problems[0]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"cannot read the configuration .*nope\.yml: No such file"):
        load(tmp_path, config_file=tmp_path / "nope.yml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:9477", ("127.0.0.1", 9477)), (":9477", ("0.0.0.0", 9477)), ("[::1]:0", ("::1", 0))],
)
def test_a_listen_address_is_host_and_port(text, expected):
    assert expected == parse_listen_address(text)


@pytest.mark.parametrize("text", ["", "# nothing\n", "global:\n"])
def test_an_empty_file_is_an_error_and_not_the_wish_to_watch_nothing(tmp_path, text):
    with pytest.raises(SchemaError, match="the configuration is empty"):
        load(tmp_path, text)


def test_an_external_url_on_the_command_line_is_checked_as_in_the_file(tmp_path):
    with pytest.raises(InvalidInput, match=r"--web\.external-url: not a URL"):
        load(tmp_path, EXAMPLE, external_url="javascript:alert(1)")


@pytest.mark.parametrize("target", ["", "a b:1", "127.0.0.1:99999", "user:pw@h:1", "8000", "http://h:1"])
def test_what_is_no_target_is_refused_with_its_place(tmp_path, target):
    with pytest.raises(SchemaError, match="is not a target"):
        load(tmp_path, EXAMPLE.replace("127.0.0.1:8000", target))


def test_files_are_named_beside_the_configuration_also_where_that_is_a_link_that_leads_elsewhere_tomorrow(tmp_path):
    """As in Prometheus, and as a ConfigMap needs it: a rule group is known by its file's name."""
    (tmp_path / "..2026_01").mkdir()
    (tmp_path / "..2026_01" / "burnline.yml").write_text(
        "rule_files: [rules.yml]\nnotify: {config_file: ../am/routes.yml}\nstorage: {path: data}\n"
    )
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "burnline.yml").symlink_to("..data/burnline.yml")
    config = load_config(Flags(config_file=tmp_path / "burnline.yml"), {}, tmp_path)
    assert config.rule_globs == (str(tmp_path / "rules.yml"),)
    assert config.routing_file == tmp_path.parent / "am" / "routes.yml"
    assert config.storage_path == tmp_path / "data"
