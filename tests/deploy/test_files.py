"""Deployment files pass the linters of their formats, and each command in them exists and starts."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import compose_spec
import crossplane
import kubernetes_validate
import pytest
import yaml

from mpi.cli.main import run
from mpi.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "scripts" / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
MANIFESTS = sorted(
    set((DEPLOY / "kubernetes").glob("*.yaml")) - {DEPLOY / "kubernetes" / "kustomization.yaml"}
)
KUBERNETES_VERSIONS = ("1.31", "1.35")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()


def read_objects():
    return [
        pytest.param(entry, id=f"{path.stem}-{entry['metadata']['name']}-{entry['kind']}")
        for path in MANIFESTS
        for entry in yaml.safe_load_all(path.read_text())
    ]


def list_commands():
    """Return each command line of ``mpi`` in the deployment files, without the program."""
    found = {"serve": shlex.join(json.loads(re.findall(r"^CMD (\[.*\])$", CONTAINERFILE, re.MULTILINE)[-1]))}
    for name, service in COMPOSE["services"].items():
        if service.get("image") == "mpi":
            found[f"compose {name}"] = shlex.join(service["command"])
    for unit in UNITS:
        for number, line in enumerate(
            re.findall(r"^ExecStart(?:Post)?=/opt/mpi/bin/mpi (.*)$", unit.read_text(), re.MULTILINE)
        ):
            found[f"{unit.name} {number}"] = line.replace("%i", "sis")
    for parameter in read_objects():
        for container in _list_containers(parameter.values[0]):
            if container["image"] == "mpi":
                found[f"kubernetes {container['name']}"] = shlex.join(container["args"])
    return found


def _list_containers(entry):
    template = entry.get("spec", {})
    template = template.get("jobTemplate", {}).get("spec", template).get("template", {})
    return template.get("spec", {}).get("containers", [])


COMMANDS = list_commands()


def test_hadolint_finds_nothing_in_the_container_file():
    program = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [program, "--failure-threshold", "style", DEPLOY / "Containerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_the_image_runs_without_root_and_holds_files_that_exist():
    assert re.findall(r"^USER (.*)$", CONTAINERFILE, re.MULTILINE)[-1] == "10001:10001"
    assert "--require-hashes -r requirements/fast.txt" in CONTAINERFILE
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0]}" in ignored


def test_the_compose_file_is_valid_and_its_files_exist():
    compose_spec.PyCompose.from_json(json.dumps(COMPOSE)).validate()
    assert {"api", "worker", "database", "proxy"} <= COMPOSE["services"].keys()
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            if volume.startswith("./proxies"):
                assert (DEPLOY / volume.split(":")[0]).is_file()


@pytest.mark.parametrize("name", ["api", "worker", "command"])
def test_compose_services_are_rootless_and_read_only(name):
    service = COMPOSE["services"][name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_the_proxy_of_the_compose_file_is_trusted():
    example = (DEPLOY / "mpi.env.example").read_text()
    [subnet] = COMPOSE["networks"]["inside"]["ipam"]["config"]
    assert f"MPI_TRUSTED_PROXIES={subnet['subnet']}\n" in example


@pytest.mark.parametrize("entry", read_objects())
@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_a_kubernetes_object_is_valid(entry, version):
    kubernetes_validate.validate(entry, version, strict=True)


@pytest.mark.parametrize("entry", read_objects())
def test_a_pod_is_rootless_and_read_only_and_its_volumes_exist(entry):
    for container in _list_containers(entry):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
    template = (
        entry["spec"].get("jobTemplate", {}).get("spec", entry["spec"]).get("template")
        if "spec" in entry
        else None
    )
    if template:
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert all(mount["name"] in volumes for item in spec["containers"] for mount in item["volumeMounts"])
        claims = {
            item.values[0]["metadata"]["name"]
            for item in read_objects()
            if item.values[0]["kind"] == "PersistentVolumeClaim"
        }
        used = {
            v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v
        }
        assert used <= claims


def test_probes_ask_liveness_without_and_readiness_with_the_database():
    [server] = [
        item.values[0] for item in read_objects() if item.values[0]["metadata"]["name"] == "mpi-server"
    ]
    [container] = _list_containers(server)
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_kustomization_names_every_manifest():
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert sorted(kustomization["resources"]) == [path.name for path in MANIFESTS]


def test_every_setting_in_the_files_exists():
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file() and path.name != "backup"]
    known = {f"MPI_{name.upper()}" for name in Settings.model_fields} | {"MPI_SERVER_NAME", "MPI_UPSTREAM"}
    used = {name for text in texts for name in re.findall(r"\bMPI_[A-Z_]+", text)}
    assert used
    assert used <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_exists_with_its_options(name, capsys):
    words = shlex.split(COMMANDS[name])
    end = next((n for n, word in enumerate(words) if word.startswith(("-", "/"))), len(words))
    path = words[:end]
    assert run([*path, "--help"]) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    for option in (word for word in words[end:] if word.startswith("--") and word != "--help"):
        assert option in text, option


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_verifies_every_unit(tmp_path):
    for unit in UNITS:
        text = re.sub(r"/opt/mpi/bin/\w+", sys.executable, unit.read_text())
        (tmp_path / unit.name.replace("@.", "@sis.")).write_text(text)
    names = sorted(tmp_path.iterdir())
    command = ["systemd-analyze", "verify", "--man=no", *names]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"}
    )
    own = [line for line in result.stderr.splitlines() if "mpi-" in line]
    assert (result.returncode, own) == (0, []), result.stderr


def test_every_timer_has_a_service_and_every_time_is_one():
    names = {unit.name for unit in UNITS}
    for timer in (unit for unit in UNITS if unit.suffix == ".timer"):
        assert timer.with_suffix(".service").name in names
        assert re.search(r"^OnCalendar=\S+", timer.read_text(), re.MULTILINE)


def test_nginx_parses_the_snippet_and_it_names_no_path_in_a_log():
    path = DEPLOY / "proxies" / "nginx.conf"
    parsed = crossplane.parse(str(path), single=True, check_ctx=False)
    assert parsed["errors"] == []
    assert path.read_text().count("access_log off;") == 2
    assert "$proxy_add_x_forwarded_for" not in re.sub(r"#.*", "", path.read_text())


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_a_proxy_keeps_metrics_and_readiness_inside(name):
    text = (DEPLOY / "proxies" / name).read_text()
    assert "/metrics" in text
    assert "/readyz" in text
    assert "404" in text
    assert text.count("{") == text.count("}")
