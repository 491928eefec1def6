"""The Helm chart by the real Helm engine, against Kubernetes' schemas; the Dockerfile by hadolint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .small import project, write

helm = pytest.importorskip("helm_python.chart", reason="no wheel of the Helm engine for this platform")
helm_errors = pytest.importorskip("helm_python.errors")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

KUBERNETES = ("1.27", "1.37")
FULL: dict[str, Any] = {
    "versions": [
        {"build": "0123456789abcdef", "tag": "0.2.0-jw01234567", "replicas": 3},
        {"build": "fedcba9876543210", "tag": "0.1.0-jwfedcba98"},
    ],
    "image": {"repository": "registry.example.com/team/page-fetcher", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "pull"}],
    "temporal": {
        "address": "temporal.example.com:7233",
        "namespace": "research.{{ .Release.Name }}",
        "tls": True,
        "apiKey": {"secret": "temporal", "key": "api-key"},
        "clientCertificate": {"secret": "temporal-tls", "hasAuthority": True},
        "serverName": "temporal.internal",
    },
    "reviewerKeys": {"0123456789abcdef": "A" * 43 + "="},
    "env": {"GREETING": "{{ fail }} $(rm -rf /) \"'\n: yes"},
    "secretEnv": [{"name": "MISTRAL_API_KEY", "secret": "models", "key": "mistral"}],
    "storage": "s3://bucket/prefix",
    "graceSeconds": 300,
    "promote": "never",
    "autoscaling": {"enabled": True, "minReplicas": 0, "maxReplicas": 20, "backlogPerReplica": 3},
    "networkPolicy": {"enabled": True, "metricsFrom": "monitoring", "egress": [{"ports": [{"port": 7233}]}]},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"pool": "workers"},
    "tolerations": [{"key": "workers", "operator": "Exists"}],
    "affinity": {},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chart") / "package"
    write(path, project(tmp_path_factory.mktemp("cells")))
    return path


def rendered(root: Path, values: dict[str, Any] | None) -> list[dict[str, Any]]:
    with helm.Chart.load(root / "chart") as chart:
        texts = chart.render(values, name="demo", namespace="workers")
    return [found for text in texts.values() for found in yaml.safe_load_all(text) if found]


@pytest.mark.parametrize("values", [None, FULL], ids=["default values", "all values"])
def test_chart_passes_lint(root: Path, values: dict[str, Any] | None):
    report = helm.lint(root / "chart", values, strict=True)
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", [None, FULL], ids=["default values", "all values"])
def test_manifests_are_what_kubernetes_takes(root: Path, values: dict[str, Any] | None, version: str):
    manifests = rendered(root, values)
    own = [manifest for manifest in manifests if "keda.sh" not in manifest["apiVersion"]]
    for manifest in own:
        kubernetes_validate.validate(manifest, version, strict=True)
    kinds = [manifest["kind"] for manifest in manifests]
    if values is None:
        assert sorted(kinds) == ["ConfigMap", "Deployment", "NetworkPolicy"]
    else:
        assert (kinds.count("Deployment"), kinds.count("ScaledObject"), kinds.count("TriggerAuthentication")) == (
            2,
            2,
            1,
        )


def test_secrets_are_named_and_texts_stay_texts(root: Path):
    deployment = next(found for found in rendered(root, FULL) if found["kind"] == "Deployment")
    environment = {entry["name"]: entry for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["TEMPORAL_API_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "temporal", "key": "api-key"}
    assert environment["MISTRAL_API_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "models", "key": "mistral"}
    assert environment["GREETING"]["value"] == FULL["env"]["GREETING"]
    assert environment["TEMPORAL_NAMESPACE"]["value"] == "research.{{ .Release.Name }}"


def test_a_worker_may_do_little(root: Path):
    (deployment,) = [found for found in rendered(root, None) if found["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert pod["terminationGracePeriodSeconds"] > 60
    security = pod["containers"][0]["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert security["capabilities"]["drop"] == ["ALL"]
    (policy,) = [found for found in rendered(root, None) if found["kind"] == "NetworkPolicy"]
    assert (policy["spec"]["ingress"], policy["spec"]["egress"]) == ([], [{}])


@pytest.mark.parametrize(
    "values",
    [
        {"temporal": {"address": "http://temporal:7233", "namespace": "default"}},
        {"versions": []},
        {"versions": [{"build": "../../x", "tag": "1"}]},
        {"image": {"repository": "a b; rm"}},
        {"reviewerKeys": {"../../etc/passwd": "A" * 43 + "="}},
        {"env": {"A B": "x"}},
        {"unknown": 1},
    ],
    ids=lambda values: str(values)[:50],
)
def test_values_that_make_no_sense_are_refused(root: Path, values: dict[str, Any]):
    with helm.Chart.load(root / "chart") as chart, pytest.raises(helm_errors.HelmValuesError):
        chart.validate_schema(chart.merge_values(values))


def test_dockerfile_passes_hadolint(root: Path):
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("no wheel of hadolint for this platform")
    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", root / "Dockerfile"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
