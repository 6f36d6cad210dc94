#!/usr/bin/env python3
"""For the lane `metrics`: alerts and dashboards against the documentation, a real server and a real Prometheus.

    dashboards.py ASOF POSTGRES-BIN

Makes a store with a view of each kind of figure and a model, serves it, asks it a little, has Prometheus scrape it, and
executes every expression of packaging/grafana and packaging/prometheus.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from checks import check, finish

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "packaging/prometheus/asof.rules.yaml"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)
    return done.returncode, done.stdout + done.stderr


def rules():
    """Alerts by name, as text: no YAML library is at hand, and each is on a line of its own."""
    text = RULES.read_text()
    return dict(re.findall(r"- alert: (\w+)\n\s+expr: (.+)\n", text))


def documented():
    page = (ROOT / "docs/reference/metrics.md").read_text().split("## What to alert on")[1].split("## All metrics")[0]
    return [row.split("|") for row in page.splitlines() if row.startswith("| ") and "`" in row]


def wait_for(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.2)
    raise SystemExit(f"dashboards: after {seconds} s still waiting for {what}")


class Store:
    """PostgreSQL, a store in it, a server on it."""

    def __init__(self, asof, postgres, folder):
        self.asof, self.folder, self.postgres = asof, folder, postgres
        self.resp, self.http = free_port(), free_port()
        self.environment = {"PATH": os.environ["PATH"], "HOME": folder, "ASOF_DATABASE": f"host={folder}/socket user=postgres dbname=postgres"}
        os.chmod(folder, 0o755)
        for name in ("data", "socket"):
            os.mkdir(f"{folder}/{name}", 0o700)
            shutil.chown(f"{folder}/{name}", "postgres", "postgres")
        os.chmod(f"{folder}/socket", 0o755)
        self.as_postgres(f"{postgres}/initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync")
        self.as_postgres(f"{postgres}/pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/data/log", "-o",
                         f"-c listen_addresses= -c unix_socket_directories={folder}/socket", "start", wants_output=False)
        pathlib.Path(folder, "features.yaml").write_text("""
entities: { user: { key: user_id, type: int64 } }
views:
  clicks: { entities: [user], max_age: 1h, features: { n: int64, rate: float64 } }
services:
  ranking: [clicks.n, clicks.rate]
models:
  buys: { service: ranking, task: binary, label: label }
""")
        self.run("init")
        self.run("apply", "--yes")
        pathlib.Path(folder, "clicks.csv").write_text("user_id,event_time,n,rate\n" + "".join(
            f"{user},2026-01-01T00:00:00Z,{user % 17},{user % 29 / 29:.3f}\n" for user in range(400)))
        self.run("ingest", "clicks", "clicks.csv")
        pathlib.Path(folder, "labels.csv").write_text("user_id,label_time,label\n" + "".join(
            f"{user},2026-01-{2 + user % 25:02}T00:00:00Z,{int(user % 17 > 8)}\n" for user in range(400)))
        self.run("train", "buys", "--spine", "labels.csv", "--label-time", "label_time", "--algo", "logistic", "--promote", "always")
        self.server = subprocess.Popen([asof, "serve", "--listen", f"127.0.0.1:{self.resp}", "--http", f"127.0.0.1:{self.http}"],
                                       cwd=folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the server", lambda: run(asof, "ping", "--ready", "--server", f"127.0.0.1:{self.resp}")[0] == 0)

    def as_postgres(self, *command, wants_output=True):
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=None if wants_output else subprocess.DEVNULL, timeout=300)

    def run(self, *arguments):
        status, text = run(self.asof, *arguments, cwd=self.folder, env=self.environment)
        if status:
            raise SystemExit(f"dashboards: asof {' '.join(arguments)}: {text}")

    def ask(self):
        """Some of everything that is counted."""
        words = []
        for user in (1, 2, 100_000):
            words += [f"FS.SERVE ranking KEYS 1 user_id ROWS 1 {user}", f"FS.GET clicks {user}", f"ML.PREDICT buys KEYS 1 user_id ROWS 1 {user}"]
        words += ["FS.SET clicks 7 2026-01-02T00:00:00Z n 1 rate 0.5", "FS.GET nothing 1", "PING"]
        with socket.create_connection(("127.0.0.1", self.resp), 60) as client:
            client.sendall("".join(f"{one}\r\n" for one in words + ["QUIT"]).encode())
            while client.recv(65536):
                pass

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(60)
        self.as_postgres(f"{self.postgres}/pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")


def query(port, expression):
    """The result of an instant query; SystemExit where Prometheus refuses it."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            return json.load(reply)["data"]["result"], None
    except urllib.error.HTTPError as error:
        return [], error.read().decode()


def main(asof, postgres):
    for command in (["promtool", "check", "rules", str(RULES)], ["promtool", "test", "rules", "asof.test.yaml"]):
        status, text = run(*command, cwd=RULES.parent)
        check(" ".join(command[:3]), text if status else "")
    alerts = rules()
    tested = set(re.findall(r"alertname: (\w+)", (RULES.parent / "asof.test.yaml").read_text()))
    check("each alert has a test that it fires", set(alerts) - tested)
    known = {re.sub(r"\s+", " ", one) for one in alerts.values()}
    missing = [row[1].strip() for row in documented() if not any(code in known for code in re.findall("`([^`]+)`", row[2]))
               and row[1].strip() not in ("memory", "expired values")]
    check("each alert of docs/reference/metrics.md is a rule, word for word", missing)

    folder = tempfile.mkdtemp(prefix="asof-metrics-")
    prometheus = None
    try:
        store = Store(asof, postgres, folder)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{store.http}/metrics", timeout=60) as reply:
                status, text = run("promtool", "check", "metrics", input=reply.read().decode())
            check("promtool check metrics", text if status else "")
            port = free_port()
            pathlib.Path(folder, "prometheus.yml").write_text(
                f"global: {{ scrape_interval: 1s }}\nscrape_configs: [{{ job_name: asof, static_configs: [{{ targets: ['127.0.0.1:{store.http}'] }}] }}]\n")
            prometheus = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}"],
                stdout=subprocess.DEVNULL, stderr=open(f"{folder}/prometheus.log", "w"))
            def scraped():
                try:
                    return query(port, "count_over_time(asof_build_info[1m]) >= 2")[0]
                except OSError:
                    return []
            store.ask()
            wait_for("a scrape", scraped)
            # A rate needs a change between scrapes.
            def moving():
                store.ask()
                return all(query(port, f"rate({name}[1m]) > 0")[0] for name in ("asof_commands_total", "asof_model_rows_total", "asof_commit_duration_seconds_count"))
            wait_for("rates", moving)
            for file in sorted((ROOT / "packaging/grafana").glob("*.json")):
                for panel in json.loads(file.read_text())["panels"]:
                    for target in panel["targets"]:
                        expression = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
                        found, refusal = query(port, expression)
                        check(f"{file.stem}: {panel['title']} {target['refId']} answers", refusal or ("" if found else f"no series: {expression}"))
            for name, expression in alerts.items():
                # What is compared with a bound answers where it is asked without.
                found, refusal = query(port, re.sub(r"\s(==|>)\s[0-9.]+$", "", expression).replace("[5m]", "[1m]").replace("[15m]", "[1m]"))
                check(f"{name} answers", refusal or ("" if found else f"no series: {expression}"))
        finally:
            store.stop()
    finally:
        if prometheus:
            prometheus.terminate()
            prometheus.wait(60)
        shutil.rmtree(folder, ignore_errors=True)
    return finish("metrics")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
