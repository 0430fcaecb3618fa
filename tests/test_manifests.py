"""The files for Compose and Kubernetes: valid, locked down, and true to the image and the command line."""

import json
import re
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes.client as models
import pytest
import typer.main
import yaml
from pydantic import ValidationError

from ingest.cli import app as ingest_app
from retrieval.adapters.http.access import PUBLIC
from retrieval.cli import app

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
MANIFEST = {each["kind"]: each for each in yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text("utf-8"))}
IMAGE = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", " ")
SERVICE = COMPOSE["services"]["retrieval"]
POD = MANIFEST["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
PROBES = [CONTAINER[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]


def image_environment() -> dict[str, str]:
    last = IMAGE.rpartition("\nFROM ")[2]
    return dict(re.findall(r"\b([A-Z_]+)=(\S+)", " ".join(re.findall(r"^ENV (.*)", last, re.MULTILINE))))


@pytest.mark.parametrize("name", ["deploy/compose.yaml", "docs/milvus-compose.yaml"])
def test_compose_files_follow_the_specification(name: str) -> None:
    package = find_spec("check_jsonschema")  # brings the schema that the Compose project publishes
    if package is None or package.submodule_search_locations is None:
        pytest.skip("check-jsonschema is not installed")
    schemas = Path(package.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text("utf-8"))
    jsonschema.validate(yaml.safe_load((ROOT / name).read_text("utf-8")), schema)


@pytest.mark.parametrize("kind", MANIFEST)
def test_manifests_are_what_the_kubernetes_client_takes(kind: str) -> None:
    """Its models refuse unknown fields, values of another type, and what is missing."""
    getattr(models, f"V1{kind}").model_validate(MANIFEST[kind])
    with pytest.raises(ValidationError):
        getattr(models, f"V1{kind}").model_validate({**MANIFEST[kind], "specs": {}})


@pytest.mark.parametrize("kind", MANIFEST)
def test_manifests_pass_kubernetes_own_schema(kind: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed (108 MB)")
    validator.validate(MANIFEST[kind], validator.latest_version(), strict=True)


def serve_variables() -> set[str]:
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    return {"SERVE_KEYS", *(str(each.envvar) for each in command.params if each.envvar)}


def test_variables_and_options_are_those_of_the_command() -> None:
    given = {
        **image_environment(),
        **SERVICE["environment"],
        **{each["name"]: each["value"] for each in CONTAINER["env"]},
    }
    assert {name for name in given if name.startswith("SERVE_")} <= serve_variables()
    assert {"SERVE_HOST", "SERVE_PORT", "SERVE_KEYS_FILE"} <= given.keys()
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    options = {option for each in command.params for option in each.opts}
    for line in (SERVICE["command"], CONTAINER["command"]):
        assert line[:2] == ["retrieve", "serve"]
        assert {part for part in line if part.startswith("--")} <= options
        command.make_context("serve", line[2:])  # raises for what it does not take


def test_ports_are_that_of_the_image() -> None:
    port = image_environment()["SERVE_PORT"]
    assert f"EXPOSE {port}" in IMAGE
    assert [mapping.rpartition(":")[2] for mapping in SERVICE["ports"]] == [port]
    assert all(mapping.startswith("127.0.0.1:") for mapping in SERVICE["ports"])
    (named,) = CONTAINER["ports"]
    assert str(named["containerPort"]) == port
    (service,) = MANIFEST["Service"]["spec"]["ports"]
    (allowed,) = MANIFEST["NetworkPolicy"]["spec"]["ingress"][0]["ports"]
    assert service["targetPort"] == allowed["port"] == named["name"]
    assert f"retrieval:{port}" in COMPOSE["configs"]["prometheus"]["content"]


def test_probes_ask_routes_that_need_no_key_and_give_a_host_that_is_always_allowed() -> None:
    for probe in PROBES:
        asked = probe["httpGet"]
        assert asked["path"] in PUBLIC and asked["port"] == "http"
        assert asked["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
    url = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", SERVICE["healthcheck"]["test"][-1])
    assert url is not None and url[1] == image_environment()["SERVE_PORT"] and url[2] in PUBLIC


def test_only_the_volume_and_tmp_can_be_written() -> None:
    assert SERVICE["read_only"] is True and CONTAINER["securityContext"]["readOnlyRootFilesystem"] is True
    assert "data:/data" in SERVICE["volumes"] and SERVICE["tmpfs"] == ["/tmp"]
    assert [each["read_only"] for each in SERVICE["volumes"] if isinstance(each, dict)] == [True]
    assert {each["mountPath"] for each in CONTAINER["volumeMounts"] if not each.get("readOnly")} == {"/data", "/tmp"}


def test_both_run_without_rights_and_within_limits() -> None:
    assert SERVICE["cap_drop"] == ["ALL"] and SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= SERVICE.keys()
    user = re.search(r"^USER (\d+):(\d+)$", IMAGE, re.MULTILINE)
    assert user is not None
    security = POD["securityContext"]
    assert security["runAsNonRoot"] is True
    assert {security["runAsUser"], security["runAsGroup"], security["fsGroup"]} == {int(user[1])} == {int(user[2])}
    assert CONTAINER["securityContext"]["allowPrivilegeEscalation"] is False
    assert CONTAINER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert CONTAINER["resources"]["limits"].keys() == {"cpu", "memory"}


def test_one_pod_writes_and_ends_in_good_order() -> None:
    spec = MANIFEST["Deployment"]["spec"]
    assert spec["replicas"] == 1 and spec["strategy"]["type"] == "Recreate"
    grace = next(each.default for each in typer.main.get_command(app).commands["serve"].params if each.name == "grace")  # type: ignore[attr-defined]
    assert POD["terminationGracePeriodSeconds"] > grace
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > grace


def test_no_variables_of_services_reach_the_settings() -> None:
    """Kubernetes would set RETRIEVAL_PORT for a service of that name, and the settings refuse what they do not know."""
    assert POD["enableServiceLinks"] is False


def test_names_within_the_manifest_agree() -> None:
    labels = MANIFEST["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        MANIFEST["Deployment"]["spec"]["selector"]["matchLabels"],
        MANIFEST["Service"]["spec"]["selector"],
        MANIFEST["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    volumes: Mapping[str, Any] = {each["name"]: each for each in POD["volumes"]}
    assert {each["name"] for each in CONTAINER["volumeMounts"]} == volumes.keys()
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == MANIFEST["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["keys"]["secret"]["defaultMode"] & 0o007 == 0  # else the service refuses the file of keys


def test_what_compose_mounts_from_here_is_there() -> None:
    assert (ROOT / "deploy" / SERVICE["build"]["context"] / SERVICE["build"]["dockerfile"]).is_file()
    assert (ROOT / "deploy" / COMPOSE["configs"]["dashboard"]["file"]).is_file()
    arguments = set(re.findall(r"^ARG (\w+)", IMAGE, re.MULTILINE))
    assert SERVICE["build"]["args"].keys() <= arguments
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert str(Path("deploy") / COMPOSE["secrets"]["metrics-key"]["file"]) in ignored
    for name in ("prometheus", "datasource", "dashboards"):
        yaml.safe_load(COMPOSE["configs"][name]["content"])


def commands_of_the_page() -> list[str]:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)) + "\n".join(re.findall(r"`(dc [^`]+)`", page))
    return re.findall(r"(?:^|retrieval )((?:retrieve|ingest) [^#>\n]+)", shell, re.MULTILINE)


@pytest.mark.parametrize("line", commands_of_the_page())
def test_the_commands_of_the_operating_page_are_taken(line: str) -> None:
    """As far as reading their arguments; they are not run."""
    program, *arguments = shlex.split(line)
    command = typer.main.get_command({"retrieve": app, "ingest": ingest_app}[program])
    while arguments and arguments[0] in getattr(command, "commands", {}):
        command = command.commands[arguments.pop(0)]  # type: ignore[attr-defined]
    assert not hasattr(command, "commands")
    command.make_context(line, arguments)


def test_the_page_has_its_commands() -> None:
    assert len(commands_of_the_page()) >= 8
