#!/usr/bin/env python3
"""For the lane `pages`: the pages of a server in a browser.

    pages.py ASOF POSTGRES-BIN SCREENSHOTS

Makes a store with a view of each kind, versions of a service and a model, serves it and an empty one, and looks at every page.
"""
import datetime
import html
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

from browser import Browser
from checks import check, finish
from dashboards import free_port, run, wait_for

HOSTILE = "<script>document.title='taken'</script>\"'><img src=x onerror=alert(1)> & \u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd"
LONG = "x" * 10_000
PAGE_BYTES_MAX = 120 << 10

DEFINITIONS = """
entities:
  carrier: {{ key: carrier, type: string }}
  airport: {{ key: origin, type: string }}
  user: {{ key: user_id, type: int64 }}
views:
  carrier_delays:
    entities: [carrier]
    max_age: 1h
    description: How late a carrier's flights have been, one row a flight.
    owner: flights-team
    tags: {{ domain: flights, tier: gold }}
    features:
      mean_delay: {{ type: float64, description: Minutes behind schedule at departure. }}
      flights: {{ type: int64, description: How many flights the mean is of. }}
  airport_load:
    entities: [airport]
    max_age: 3650d
    description: Departures of an airport by the hour.
    owner: flights-team
    source:
      sql: |
        SELECT origin, date_trunc('hour', at) AS event_time, count(*) AS departures
        FROM public.departures
        WHERE at >= :from AND at < :to
        GROUP BY 1, 2
    lateness: 1h
    features: {{ departures: int64 }}
  clicks: {{ entities: [user], events: {{ id: click }}, owner: web, features: {{ click: int64, price: float64 }} }}
  recent_clicks:
    entities: [user]
    windows: {{ of: clicks, features: {{ clicks_1h: count over 1h, spent_1d: sum(price) over 1d }} }}
  people: {{ entities: [user], features: {{ email: {{ type: string, pii: true }}, age: int32 }} }}
  hostile: {{ entities: [user], description: {hostile}, owner: {hostile}, tags: {{ t: {hostile} }}, features: {{ n: {{ type: int64, description: {hostile} }} }} }}
  long: {{ entities: [user], description: {long}, features: {{ n: int64 }} }}
services:
  delay_model:
    description: What the model of delays reads.
    features: [{columns}]
  clicks_model: [recent_clicks.clicks_1h, recent_clicks.spent_1d, people.age]
models:
  late: {{ service: delay_model, task: binary, label: late, description: Whether a flight leaves late., owner: flights-team }}
  untrained: {{ service: clicks_model, task: regression, label: spent }}
"""

# The least contrast of any text to what it stands on, with the text.
CONTRAST = """(() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n };
  const light = ([r, g, b]) => { const f = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b) };
  const ground = element => { for (; element; element = element.parentElement) {
    const colour = parse(getComputedStyle(element).backgroundColor); if (colour[3] > 0) return colour }
    return [255, 255, 255, 1] };
  let least = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode; if (!node.data.trim()) continue;
    const style = getComputedStyle(node.parentElement);
    const isDrawn = node.parentElement.namespaceURI.endsWith('svg');
    const [a, b] = [light(parse(isDrawn ? style.fill : style.color)), light(ground(node.parentElement))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, node.data.trim().slice(0, 40)];
  }
  return least })()"""


def fetch(port, path):
    """Status, headers and text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


class Cluster:
    """PostgreSQL in a folder."""

    def __init__(self, postgres, folder):
        self.postgres, self.folder = postgres, folder
        os.chmod(folder, 0o755)
        for name in ("data", "socket"):
            os.mkdir(f"{folder}/{name}", 0o700)
            shutil.chown(f"{folder}/{name}", "postgres", "postgres")
        os.chmod(f"{folder}/socket", 0o755)
        self.as_postgres(f"{postgres}/initdb", "-D", f"{folder}/data", "-A", "trust", "--no-sync")
        self.start()

    def start(self):
        self.as_postgres(f"{self.postgres}/pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/data/log", "-o",
                         f"-c listen_addresses= -c unix_socket_directories={self.folder}/socket", "start")

    def stop(self):
        self.as_postgres(f"{self.postgres}/pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")

    @staticmethod
    def as_postgres(*command):
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)


class Store:
    """A database, a store in it and a server on it."""

    def __init__(self, asof, cluster, name):
        self.asof, self.folder, self.http, self.resp = asof, f"{cluster.folder}/{name}", free_port(), free_port()
        os.mkdir(self.folder)
        cluster.as_postgres("psql", "-h", f"{cluster.folder}/socket", "-c", f"CREATE DATABASE {name}", "postgres")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder,
                            "ASOF_DATABASE": f"host={cluster.folder}/socket user=postgres dbname={name}"}
        self.run("init")

    def run(self, *arguments):
        status, text = run(self.asof, *arguments, cwd=self.folder, env=self.environment)
        if status:
            raise SystemExit(f"pages: asof {' '.join(arguments)}: {text}")

    def write(self, name, text):
        pathlib.Path(self.folder, name).write_text(text)

    def apply(self, columns):
        quoted = '"' + HOSTILE.replace("\\", "\\\\").replace('"', '\\"') + '"'
        self.write("features.yaml", DEFINITIONS.format(hostile=quoted, long=LONG, columns=columns))
        self.run("apply", "--yes")

    def fill(self):
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.apply("carrier_delays.mean_delay")
        self.apply("carrier_delays.mean_delay, carrier_delays.flights")
        self.apply('carrier_delays.flights, carrier_delays.mean_delay, airport_load.departures, '
                   '{ request: distance, type: float64 }, { derive: late_share, from: "carrier_delays.mean_delay / 60.0" }')
        carriers = ["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"]
        self.write("delays.csv", "carrier,event_time,mean_delay,flights\n" + "".join(
            f"{carriers[n % 8]},2026-01-{1 + n % 28:02}T{n % 24:02}:00:00Z,{(n * 7) % 60}.5,{n % 90}\n" for n in range(600)))
        self.run("ingest", "carrier_delays", "delays.csv")
        self.write("load.csv", "origin,event_time,departures\n" + "".join(
            f"{('EWR', 'JFK', 'LGA')[n % 3]},2026-01-{1 + n % 28:02}T{n % 24:02}:00:00Z,{n % 40}\n" for n in range(300)))
        self.run("ingest", "airport_load", "load.csv")
        self.write("people.csv", "user_id,event_time,email,age\n" + "".join(
            f"{n},{now.isoformat()},p{n}@example.org,{18 + n}\n" for n in range(40)))
        self.run("ingest", "people", "people.csv")
        self.write("labels.csv", "carrier,origin,at,distance,late\n" + "".join(
            f"{carriers[n % 8]},{('EWR', 'JFK', 'LGA')[n % 3]},2026-01-{2 + n % 26:02}T12:00:00Z,{200 + n},{int(n * 13 % 17 > 8)}\n"
            for n in range(500)))
        for promote, penalty in (("always", "1"), ("never", "50")):
            self.run("train", "late", "--spine", "labels.csv", "--label-time", "at", "--algo", "logistic", "--promote", promote,
                     "--set", f"penalty={penalty}")

    def serve(self):
        self.server = subprocess.Popen(
            [self.asof, "serve", "--listen", f"127.0.0.1:{self.resp}", "--http", f"127.0.0.1:{self.http}"],
            cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the server", lambda: run(self.asof, "ping", "--ready", "--server", f"127.0.0.1:{self.resp}")[0] == 0)

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(60)


def crawl(port, start="/"):
    """Every page that links lead to, with its text; problems."""
    found, waiting, problems = {}, [start], []
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        status, headers, text = fetch(port, path)
        found[path] = text
        if status != 200:
            problems.append(f"{path}: {status}")
        if len(text.encode()) > PAGE_BYTES_MAX:
            problems.append(f"{path}: {len(text.encode())} bytes")
        if not headers.get("Content-Security-Policy", "").startswith("default-src 'none'; style-src 'self'; img-src 'self' data:"):
            problems.append(f"{path}: policy {headers.get('Content-Security-Policy')}")
        links = re.findall(r'(?:href|src|action)="([^"]*)"', text)
        problems += [f"{path} leads to {link}" for link in links if not link.startswith("/") and link != "data:,"]
        waiting += [html.unescape(link) for link in links if link.startswith("/")]
    return found, problems


def type_examples(cluster, pages):
    """Runs the SQL, curl and redis-cli that pages tell to type; problems."""
    problems = []
    for path, text in pages.items():
        for block in map(html.unescape, re.findall("<pre>(.*?)</pre>", text, re.S)):
            if block.startswith("SELECT") and "read it" in text.lower() and ":from" not in block:
                command = ["psql", "-h", f"{cluster.folder}/socket", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", "filled", "-c", block]
            elif block.startswith("curl "):
                command = ["bash", "-c", block.replace("curl ", "curl -sSf ", 1)]
            elif block.startswith("redis-cli ") and shutil.which("redis-cli"):
                command = ["bash", "-c", block.replace("redis-cli ", "redis-cli -e ", 1)]
            else:
                continue
            status, said = run(*command)
            if status:
                problems.append(f"{path}: {block}: {said}")
    return problems


def look(browser, port, pages, folder, group):
    for path in pages:
        name = re.sub(r"[^a-z0-9]+", "-", f"{group}{path}".lower()).strip("-")
        for width in (1280, 360):
            for scheme in ("light", "dark"):
                said = browser.open(f"http://127.0.0.1:{port}{path}", width, scheme == "dark")
                problems = [f"on the console: {one}" for one in said]
                across = browser.value("document.documentElement.scrollWidth")
                if across > width:
                    problems.append(f"{across} px wide")
                ratio, text = browser.value(CONTRAST)
                if ratio < 4.5:
                    problems.append(f"contrast {ratio:.2f}: {text}")
                strange = browser.value("document.querySelectorAll('script, img, iframe, object, [style], [onerror]').length")
                if strange:
                    problems.append(f"{strange} elements that no page has")
                if browser.value("document.title").startswith("taken"):
                    problems.append("a script has run")
                browser.screenshot(folder / f"{name}-{width}-{scheme}.png")
                check(f"{group} {path} at {width} px, {scheme}", "\n".join(problems))


def main(asof, postgres, screenshots):
    screenshots = pathlib.Path(screenshots)
    shutil.rmtree(screenshots, ignore_errors=True)
    screenshots.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="asof-pages-") as folder:
        cluster = Cluster(postgres, folder)
        filled, empty = Store(asof, cluster, "filled"), Store(asof, cluster, "empty")
        filled.fill()
        browser = Browser()
        try:
            for store in (filled, empty):
                store.serve()
            found, problems = crawl(filled.http)
            check(f"every link of {len(found)} pages answers 200, with the policy, in {PAGE_BYTES_MAX >> 10} KiB", "\n".join(problems))
            print(f"fact: {len(found)} pages, the longest of {max(len(text.encode()) for text in found.values())} bytes")
            check("what pages tell to type is answered", "\n".join(type_examples(cluster, found)))
            shown = [path for path in found if "?" not in path and not path.endswith(".css") and "%" not in path]
            look(browser, filled.http, shown, screenshots, "filled")
            browser.open(f"http://127.0.0.1:{filled.http}/views/hostile", 1280, False)
            texts = browser.value("[...document.querySelectorAll('bdi')].map(each => each.textContent)")
            check("a hostile description is shown as it is", "" if texts.count(HOSTILE) >= 2 else texts)
            check("an unknown name is a page", "" if fetch(filled.http, "/views/nothing")[0] == 404 else "not 404")
            browser.open(f"http://127.0.0.1:{filled.http}/views/carrier_delay", 360, False)
            browser.screenshot(screenshots / "filled-unknown-360-light.png")
            _, problems = crawl(empty.http)
            check("every link of an empty store answers 200", "\n".join(problems))
            look(browser, empty.http, ["/", "/views", "/services", "/models", "/ledger"], screenshots, "empty")
            cluster.stop()
            wait_for("the server to miss PostgreSQL", lambda: "PostgreSQL is away" in fetch(filled.http, "/")[2])
            _, problems = crawl(filled.http)
            check("every link answers 200 while PostgreSQL is away", "\n".join(problems))
            look(browser, filled.http, ["/", "/views/carrier_delays", "/ledger"], screenshots, "away")
            for store in (filled, empty):
                store.stop()
        finally:
            browser.close()
            for store in (filled, empty):
                if getattr(store, "server", None) and store.server.poll() is None:
                    store.server.kill()
            if os.path.exists(f"{folder}/data/postmaster.pid"):
                cluster.stop()
    print("fact: screenshots in the lane's folder")
    return finish("pages")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
