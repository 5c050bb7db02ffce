"""What runs it: manifests, compose file, unit and image are linted, and say what the bot needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reviewbot.config import TABLE, load_settings
from reviewbot.policy.language.parser import parse_policy
from reviewbot.runtime.watcher import LATEST
from reviewbot.simulator.app import Served
from tests.acceptance.process import a_world

ROOT = Path(__file__).resolve().parent.parent
PACKAGING = ROOT / "packaging"
KUBERNETES = PACKAGING / "kubernetes"
OVERLAYS = ("base", "sqlite", "postgres")
GRACE = 45
"""Seconds that a stop has to be given at least, though it takes ten by itself: disks may be slow."""
KNOWN = {row.env for row in TABLE} | {
    "TOKPORTAL_API_KEY_FILE",
    "REVIEWBOT_LEDGER_FILE",
    "REVIEWBOT_CONFIG",
}
"""Every variable that the bot does not refuse."""


def tool(name: str) -> str:
    """A tool of this environment or of the system; the test is left out where there is none."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}") or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str, folder: Path = ROOT, given: str | None = None) -> str:
    """Run a tool that has nothing to complain of; give what it wrote."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=50, input=given
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def variables(entries: Any) -> set[str]:
    """The names of ours that a list or mapping of variables sets."""
    names = [entry["name"] if isinstance(entry, dict) else entry for entry in entries]
    return {name for name in names if name.startswith(("REVIEWBOT_", "TOKPORTAL_"))}


# Kubernetes ----------------------------------------------------------------------------------


@cache
def built(overlay: str) -> str:
    """An overlay as `kubectl apply -k` would send it."""
    return run(tool("kubectl"), "kustomize", str(KUBERNETES / overlay))


def objects(overlay: str) -> dict[str, Any]:
    """What an overlay makes, by kind."""
    return {thing["kind"]: thing for thing in yaml.safe_load_all(built(overlay)) if thing}


def pod(overlay: str) -> Any:
    """What its pods are."""
    return objects(overlay)["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_an_overlay_names_is_there(overlay: str) -> None:
    """Resources, patches and files of settings, also where no kubectl is."""
    folder = KUBERNETES / overlay
    text = yaml.safe_load((folder / "kustomization.yaml").read_text())
    named = [*text["resources"], *(patch["path"] for patch in text.get("patches", ()))]
    named += [
        file for generator in text.get("configMapGenerator", ()) for file in generator["files"]
    ]
    assert all((folder / name).exists() for name in named)
    beside = {path.name for path in folder.iterdir()} - {"kustomization.yaml"}
    assert beside == {name for name in named if not name.startswith("..")}
    base = {
        (thing["kind"], thing["metadata"]["name"])
        for path in (KUBERNETES / "base").glob("*.yaml")
        for thing in yaml.safe_load_all(path.read_text())
        if thing and "kind" in thing and "metadata" in thing
    }
    targets = {(p["target"]["kind"], p["target"]["name"]) for p in text.get("patches", ())}
    assert targets <= base


def test_the_manifests_are_valid(tmp_path: Path) -> None:
    """By the schemas of Kubernetes itself, no unknown field anywhere; what overlays share is read once."""
    found = {text for overlay in OVERLAYS for text in built(overlay).split("\n---\n")}
    (tmp_path / "all.yaml").write_text("\n---\n".join(sorted(found)))
    run(tool("kubernetes-validate"), "--strict", str(tmp_path / "all.yaml"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_as_the_restricted_standard_wants_them(overlay: str) -> None:
    """Which the namespace enforces: otherwise no pod would start."""
    labels = objects(overlay)["Namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec = pod(overlay)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
    allowed = {"configMap", "emptyDir", "secret", "persistentVolumeClaim"}
    assert all((volume.keys() - {"name"}) <= allowed for volume in spec["volumes"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_probed_and_may_finish_what_they_began(overlay: str) -> None:
    """Pages that the bot answers; the grace is longer than the longest orderly stop."""
    spec = pod(overlay)
    (container,) = spec["containers"]
    assert {
        name: container[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "liveness", "readiness")
    } == {"startup": "/-/healthy", "liveness": "/-/healthy", "readiness": "/-/ready"}
    assert spec["terminationGracePeriodSeconds"] >= GRACE > LATEST


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_files_where_the_bot_takes_them(overlay: str) -> None:
    """None is a variable; each lies below /run/secrets, and belongs to the pod's own group."""
    spec = pod(overlay)
    (container,) = spec["containers"]
    assert variables(container["env"]) <= KNOWN
    assert not any("secretKeyRef" in str(entry) for entry in container["env"])
    secret = {volume["name"] for volume in spec["volumes"] if "secret" in volume}
    places = {m["name"]: m["mountPath"] for m in container["volumeMounts"] if m["name"] in secret}
    assert secret == places.keys()
    assert all(place.startswith("/run/secrets/") for place in places.values())
    assert all(v["secret"]["defaultMode"] == 0o440 for v in spec["volumes"] if "secret" in v)
    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"]


def test_the_log_of_one_pod_lies_on_a_volume_that_no_second_one_gets() -> None:
    """The old pod lets go of it first."""
    made = objects("sqlite")
    assert made["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert made["Deployment"]["spec"]["replicas"] == 1
    state = next(v for v in pod("sqlite")["volumes"] if v["name"] == "state")
    claim = made["PersistentVolumeClaim"]["metadata"]["name"]
    assert state == {"name": "state", "persistentVolumeClaim": {"claimName": claim}}
    assert "REVIEWBOT_LEDGER_FILE" not in variables(pod("sqlite")["containers"][0]["env"])


def test_replicas_share_a_database_whose_url_is_a_secret() -> None:
    """Three of them, on different machines where there are any; the policy lets them reach it."""
    made = objects("postgres")
    assert made["Deployment"]["spec"]["replicas"] == 3
    assert "REVIEWBOT_LEDGER_FILE" in variables(pod("postgres")["containers"][0]["env"])
    ports = {
        port["port"] for rule in made["NetworkPolicy"]["spec"]["egress"] for port in rule["ports"]
    }
    assert {53, 443, 5432, 6432} <= ports
    assert made["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("name", ["kubernetes/base/reviewbot.toml", "compose/reviewbot.toml"])
def test_the_settings_that_are_shipped_are_settings(name: str, tmp_path: Path) -> None:
    """The bot takes the file as it is, but for the folder of keys, which is another here."""
    keys = tmp_path / "tokportal"
    keys.mkdir(mode=0o700)
    (keys / "acme").write_text("sk_test_acme")
    (keys / "acme").chmod(0o600)
    text = (PACKAGING / name).read_text().replace("/run/secrets/tokportal", str(keys))
    (tmp_path / "reviewbot.toml").write_text(text)

    settings = load_settings(env={"STATE_DIRECTORY": str(tmp_path)}, folder=tmp_path)

    assert settings.mode == "dry-run"
    assert [key.name for key in settings.keys] == (["acme"] if "kubernetes" in name else [])


def test_the_policy_that_is_shipped_decides_nothing_by_itself() -> None:
    """And is right: whoever applies the manifests as they are is asked, and pays nothing by accident."""
    parsed = parse_policy(
        (KUBERNETES / "base/policy.yaml").read_text(), path="policy.yaml", read=lambda name: b""
    )
    assert parsed.policy is not None, parsed.findings
    assert not [finding for finding in parsed.findings if finding.severity == "error"]
    assert {rule.then.action.value for rule in parsed.policy.rules} == {"escalate"}


POD = """
mount -t tmpfs tmpfs /run
mkdir /run/secrets
mount --bind {folder}/secrets /run/secrets
mount --bind {root} /mnt
cd /mnt
exec setpriv --reuid=10001 --regid=10001 --clear-groups \\
  --inh-caps=+dac_read_search --ambient-caps=+dac_read_search \\
  env -i PATH=/usr/bin:/bin PYTHONPATH=/mnt TOKPORTAL_BASE_URL={api} STATE_DIRECTORY={folder}/state \\
  REVIEWBOT_CONFIG={folder}/etc/reviewbot.toml REVIEWBOT_NAME=pod-1 {python} -m reviewbot "$@"
"""
"""What a pod is to the bot: its user and group, its mounts and its variables, and no others."""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the mounts of a pod")
def test_the_bot_runs_as_a_pod_runs_it() -> None:
    """With the settings and the policy that are shipped, and a key as a secret volume hands it out."""
    folder = Path(tempfile.mkdtemp(prefix="pod"))
    folder.chmod(0o755)
    try:
        volume = folder / "secrets/tokportal"
        (volume / "..2026_12_01").mkdir(parents=True)
        (volume / "..2026_12_01/acme").write_text("sk_test_acme")
        os.chown(volume / "..2026_12_01/acme", 0, 10001)
        (volume / "..2026_12_01/acme").chmod(0o440)
        (volume / "..data").symlink_to("..2026_12_01")
        (volume / "acme").symlink_to("..data/acme")
        (folder / "etc").mkdir()
        for name in ("reviewbot.toml", "policy.yaml"):
            text = (KUBERNETES / "base" / name).read_text()
            (folder / "etc" / name).write_text(text.replace("/etc/reviewbot", f"{folder}/etc"))
        (folder / "state").mkdir()
        os.chown(folder / "state", 0, 10001)
        (folder / "state").chmod(0o2777)
        with Served(a_world(2)) as api:
            script = POD.format(folder=folder, root=ROOT, api=api.url, python=sys.executable)
            inside = [tool("unshare"), "-m", "bash", "-ec", script, "pod"]
            run(*inside, "run", "--once")
            assert run(*inside, "status").startswith("healthy: dry run")
        modes = {path.stat().st_mode & 0o777 for path in (folder / "state").iterdir()}
        assert modes == {0o600}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Compose -------------------------------------------------------------------------------------


def compose() -> Any:
    """The compose file, its anchors filled in."""
    return yaml.safe_load((PACKAGING / "compose.yaml").read_text())


def test_the_compose_file_is_valid() -> None:
    """By the Compose specification's own schema, as check-jsonschema brings it."""
    brought = pytest.importorskip("check_jsonschema").__path__[0]
    schema = json.loads(Path(brought, "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose())


def test_compose_names_files_secrets_and_volumes_that_are_there() -> None:
    """What is mounted from here exists, and what is named is declared."""
    text = compose()
    for service in text["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            known = (
                (PACKAGING / source).exists()
                if source.startswith(".")
                else source in text["volumes"]
            )
            assert known, volume
        assert set(service.get("secrets", ())) <= text["secrets"].keys()
        assert set(service.get("networks", ())) <= text["networks"].keys()
    used = {s for service in text["services"].values() for s in service.get("secrets", ())}
    assert used == text["secrets"].keys()
    assert "packaging/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_compose_runs_the_bot_as_the_image_means_it() -> None:
    """Not as root, nothing to write on but its state, secrets as files, time to stop, nothing open to the outside."""
    services = compose()["services"]
    for name in ("reviewbot", "console"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "10001:10001"
        assert variables(service["environment"]) == set(service["environment"]) <= KNOWN
    assert int(services["reviewbot"]["stop_grace_period"].removesuffix("s")) >= GRACE
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "postgres" in services
    assert {"prometheus", "grafana"} <= services.keys()


def test_prometheus_takes_its_configuration() -> None:
    """By its own tool; the job is called as the rules expect."""
    run(tool("promtool"), "check", "config", str(PACKAGING / "monitoring/prometheus.yml"))
    text = yaml.safe_load((PACKAGING / "monitoring/prometheus.yml").read_text())
    assert [job["job_name"] for job in text["scrape_configs"]] == ["reviewbot"]


# The image and the unit ----------------------------------------------------------------------


def test_the_dockerfile_is_linted() -> None:
    """hadolint has nothing to say."""
    assert run(tool("hadolint"), str(ROOT / "Dockerfile")) == ""


UNIT = PACKAGING / "systemd/reviewbot@.service"


def test_the_unit_starts_what_the_package_installs() -> None:
    """A command that exists, settings that exist, and no restart where none can help."""
    text = UNIT.read_text()
    assert re.search(r"^ExecStart=\S+/reviewbot run$", text, re.M)
    assert "RestartPreventExitStatus=2 3 78" in text
    set_there = {line.split("=")[1] for line in re.findall(r"^Environment=.+$", text, re.M)}
    assert set_there <= KNOWN


def test_the_unit_hears_the_bot_and_keeps_checkpoints_apart_from_the_log() -> None:
    """It waits for READY=1, watches for signs of life, and the second place is another directory."""
    text = UNIT.read_text()
    assert re.search(r"^Type=notify$", text, re.M)
    assert re.search(r"^WatchdogSec=5min$", text, re.M)
    assert "REVIEWBOT_CHECKPOINT_FILE=/var/log/reviewbot/%i/" in text
    assert re.search(r"^LogsDirectory=reviewbot/%i$", text, re.M)
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)[0]) >= GRACE


def test_the_unit_is_hardened() -> None:
    """systemd's own judgement of its exposure is 1.5 or better."""
    said = run(tool("systemd-analyze"), "security", "--offline=yes", str(UNIT))
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found.group(1)) <= 1.5


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """As an instance, with a command that is there."""
    unit = tmp_path / "reviewbot@acme.service"
    command = re.search(r"^ExecStart=(\S+)", UNIT.read_text(), re.M)
    assert command
    unit.write_text(UNIT.read_text().replace(command.group(1), "/bin/true"))
    assert run(tool("systemd-analyze"), "verify", "--man=no", str(unit)) == ""
