#!/usr/bin/env python3
"""For the lane `helm`: lints the chart, renders it, compares with goldens, validates, and has the binary read its arguments.

    chart.py ASOF            ASOF: the built binary
    chart.py --write         writes the goldens anew
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import helm_python as helm
import kubernetes_validate
import yaml

from checks import check, finish

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "packaging/helm/asof"
TESTS = ROOT / "packaging/helm/tests"
PAGE = ROOT / "docs/how-to/deploy-kubernetes.md"
VERSIONS = ["1.35", "1.36", "1.37"]


def render(values):
    """What an install would send, one text, the chart's files in their order."""
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        manifests = chart.render(values, name="features", namespace="ml")
    texts = []
    for name, text in sorted(manifests.items()):
        if name.endswith(".yaml") and text.strip():
            texts.append(f"# {name}\n{text.strip()}\n")
    return "---\n".join(texts), manifests


def documents(text):
    return [one for one in yaml.safe_load_all(text) if one]


def pods(document):
    """Specifications of pods in a document."""
    spec = document.get("spec", {})
    for path in (("template", "spec"), ("jobTemplate", "spec", "template", "spec")):
        found = spec
        for key in path:
            found = found.get(key, {}) if isinstance(found, dict) else {}
        if "containers" in found:
            yield found


def validated(text):
    problems = []
    for document in documents(text):
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:  # Each kind of it is a finding.
                problems.append(f"{version}: {document['kind']} {document['metadata']['name']}: {error}"[:500])
    return "\n".join(problems)


def hardened(text):
    """No pod may more than it needs, and no secret is anywhere but in the Secrets that somebody else made."""
    problems = []
    for document in documents(text):
        where = f"{document['kind']} {document['metadata']['name']}"
        if document["kind"] in ("ConfigMap", "Secret"):
            problems.append(f"{where}: the chart makes none")
        for pod in pods(document):
            security = pod["securityContext"]
            if not (security["runAsNonRoot"] and security["runAsUser"] == 65532 and not pod["automountServiceAccountToken"]):
                problems.append(f"{where}: its pod may do too much: {security}")
            for volume in pod["volumes"]:
                if "secret" in volume and volume["secret"]["defaultMode"] & 0o007:
                    problems.append(f"{where}: everybody may read {volume['name']}")
            for container in pod["containers"]:
                own = container["securityContext"]
                if not own["readOnlyRootFilesystem"] or own["allowPrivilegeEscalation"] or own["capabilities"] != {"drop": ["ALL"]}:
                    problems.append(f"{where}: its container may do too much: {own}")
                for variable in container.get("env", []):
                    if "valueFrom" in variable or re.search("://|password=", variable.get("value", "")):
                        problems.append(f"{where}: {variable['name']} may hold a secret; files do not show in `env`")
                mounted = {mount["name"] for mount in container["volumeMounts"]}
                if mounted != {volume["name"] for volume in pod["volumes"]}:
                    problems.append(f"{where}: volumes and mounts differ: {mounted}")
    return "\n".join(problems)


def understood(text, asof):
    """The binary takes the arguments of each container: it fails for want of a database, never as one that was typed wrong."""
    problems = []
    for document in documents(text):
        for pod in pods(document):
            for container in pod["containers"]:
                with tempfile.TemporaryDirectory() as folder:
                    arguments = [one.replace("/run/asof", folder) for one in container["args"]]
                    database = pathlib.Path(folder, "database-file")
                    database.write_text("host=/nonexistent dbname=asof connect_timeout=2\n")
                    database.chmod(0o600)
                    done = subprocess.run(
                        [asof, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
                        env={"PATH": os.environ["PATH"], "ASOF_DATABASE_FILE": str(database), "HOME": folder},
                    )
                expected = "/nonexistent" if "--password-file" not in " ".join(arguments) else "auth/"
                if done.returncode != 1 or expected not in done.stderr:
                    problems.append(f"asof {' '.join(container['args'])}: {done.returncode}: {done.stderr[:300]}")
    return "\n".join(problems)


def selectors(text):
    """Every selector of servers finds them, and nothing but them."""
    found = documents(text)
    servers = next(one for one in found if one["kind"] == "Deployment" and one["metadata"]["name"] == "features-asof")
    problems = []
    for document in found:
        spec, kind = document.get("spec", {}), document["kind"]
        wanted = {
            "Service": spec.get("selector"), "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels") if kind == "PodDisruptionBudget" else None,
        }.get(kind)
        if wanted is None:
            continue
        for other in found:
            template = other.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})
            if template and (wanted.items() <= template.items()) != (other is servers):
                problems.append(f"{kind} selects {other['kind']} {other['metadata']['name']}")
    return "\n".join(problems)


def refusal(values):
    try:
        render(values)
    except helm.HelmError as error:
        return str(error)
    return ""


def main(arguments):
    if arguments == ["--write"]:
        for file in sorted((TESTS / "values").glob("*.yaml")):
            (TESTS / "goldens" / file.name).write_text(render(yaml.safe_load(file.read_text()))[0])
        return 0
    asof = arguments[0]
    print(f"fact: Helm {helm.helm_sdk_version()} as a library; schemas of Kubernetes {', '.join(VERSIONS)}")
    findings = helm.lint(str(CHART), values={"database": {"existingSecret": "d"}})
    print("fact: lint says", findings)
    check("lint has no error and no warning", [one for one in findings.get("messages", []) if "icon" not in str(one)])
    for file in sorted((TESTS / "values").glob("*.yaml")):
        text, manifests = render(yaml.safe_load(file.read_text()))
        golden = TESTS / "goldens" / file.name
        same = golden.exists() and golden.read_text() == text
        check(f"{file.stem}: rendered as the golden", "" if same else f"differs from {golden}; scripts/lanes/helm says how to write it")
        check(f"{file.stem}: strictly valid", validated(text))
        check(f"{file.stem}: no pod may too much, no secret is told", hardened(text))
        check(f"{file.stem}: selectors find servers only", selectors(text))
        check(f"{file.stem}: the binary takes its arguments", understood(text, asof))
    for case in yaml.safe_load((TESTS / "refused.yaml").read_text()):
        said = refusal(case["values"])
        check(f"refused: {case['names']}", "" if case["names"] in said else f"{case['values']}: '{said}'")
    # The page's own blocks: Secrets and values.
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    check("the page has blocks", "" if blocks else "none")
    for block in blocks:
        for document in documents(block):
            if "kind" in document:
                check(f"page: {document['kind']} {document['metadata']['name']}", validated(yaml.safe_dump(document)))
            else:
                text, _ = render(document)
                check("page: values", validated(text) or hardened(text) or understood(text, asof))
    # What must be found is found: else nothing above says anything.
    least = yaml.safe_load((TESTS / "values/least.yaml").read_text())
    text, _ = render(least)
    check("a typo in a manifest is found", "" if validated(text.replace("periodSeconds", "periodSecond")) else "it was not")
    check("a container that may write is found", "" if hardened(text.replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")) else "it was not")
    check("an argument that asof does not know is found", "" if understood(text.replace("--resident", "--residant"), asof) else "it was not")
    return finish("helm")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
