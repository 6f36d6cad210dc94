#!/usr/bin/env python3
"""The frame of lanes: which there are, running them, and what docs/verified says of them. See CONTRIBUTING.md.

    lanes.py list
    lanes.py run NAME...          runs lanes and writes docs/verified/NAME.md of those that passed
    lanes.py ci STARTED           runs what CI runs; STARTED = when CI began, in seconds since 1970
    lanes.py check                what of scripts/lanes, .ci/lanes and docs/verified is not as it should be

A lane is an executable file scripts/lanes/NAME whose comment at the top has the fields of FIELDS below. It runs in the
repository with ASOF_LANE_FOLDER, a folder of its own in the cache, and ends with the line `NAME: n passed, n failed`.
It passed when it exits with 0, n passed is not 0 and n failed is. Lines `fact: …` and `skipped: …` that it prints go
into its page.
"""
import dataclasses
import datetime
import fcntl
import fnmatch
import hashlib
import os
import pathlib
import platform
import re
import resource
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(os.environ.get("ASOF_LANES_ROOT") or pathlib.Path(__file__).resolve().parents[2])
FIELDS = {
    "proves": "what is true where the lane passes",
    "emulates": "what stands in for what a user has, or: nothing",
    "needs": "what it fetches or expects, and how much of it",
    "takes": "about how long, on what",
    "limit": "after how many minutes CI ends it: `25 min`",
    "ci": "yes, or: no, and why",
}
# A further field of a lane that CI does not run and that has not passed as a whole yet: what of it was seen. It stands instead of
# a page, is repeated in CI's last lines, and goes with the first page.
UNPROVEN = "unproven"
# CI is ended after 90 minutes, and then nothing is known: so no lane begins late, and none runs on for long.
CI_BEGIN_MAX_MINUTES = 60
CI_END_MINUTES = 85
LIMIT_MAX_MINUTES = 25
# Elsewhere the first build may share the machine with others, and nobody waits.
PATIENCE_ELSEWHERE = 4
# How much older than the newest change of its paths the page of a lane may be that CI does not run.
AGE_MAX_DAYS = 60


class Refusal(Exception):
    """What a person has to mend."""


@dataclasses.dataclass
class Lane:
    name: str
    fields: dict

    @property
    def file(self):
        return ROOT / "scripts/lanes" / self.name

    @property
    def page(self):
        return ROOT / "docs/verified" / f"{self.name}.md"

    @property
    def limit_minutes(self):
        return int(self.fields["limit"].split()[0])

    @property
    def runs_in_ci(self):
        return self.fields["ci"].split()[0].rstrip(",.") == "yes"


def read_lane(name):
    """The fields of a lane's header; Refusal where one is missing."""
    file = ROOT / "scripts/lanes" / name
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not file.is_file():
        raise Refusal(f"there is no lane '{name}'; scripts/test --lanes lists them")
    fields, last = {}, None
    for line in file.read_text().splitlines()[1:]:
        if not line.startswith("#"):
            break
        started = re.fullmatch(r"# ([a-z]+): +(.+)", line)
        if started and started[1] in (*FIELDS, UNPROVEN):
            last = started[1]
            fields[last] = started[2]
        elif last and line.startswith("#  "):
            fields[last] += " " + line[1:].strip()
        else:
            last = None
    missing = [f"{field} ({meaning})" for field, meaning in FIELDS.items() if field not in fields]
    if missing:
        raise Refusal(f"scripts/lanes/{name}: its header lacks {'; '.join(missing)}")
    if not re.fullmatch(r"\d+ min", fields["limit"]) or not 0 < int(fields["limit"].split()[0]) <= LIMIT_MAX_MINUTES:
        raise Refusal(f"scripts/lanes/{name}: limit is '{fields['limit']}'; it is 1 to {LIMIT_MAX_MINUTES} min")
    if not re.match(r"(yes|no)\b", fields["ci"]):
        raise Refusal(f"scripts/lanes/{name}: ci is '{fields['ci']}'; it begins with yes or no")
    if not os.access(file, os.X_OK):
        raise Refusal(f"scripts/lanes/{name} is not executable; chmod +x")
    return Lane(name, fields)


def all_lanes():
    folder = ROOT / "scripts/lanes"
    return [read_lane(file.name) for file in sorted(folder.iterdir()) if file.is_file()] if folder.is_dir() else []


def patterns():
    """Of .ci/lanes: (lane, pattern), in its order."""
    pairs = []
    for number, line in enumerate((ROOT / ".ci/lanes").read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if len(words) == 1:
            raise Refusal(f".ci/lanes:{number}: '{words[0]}' has no lane behind it; a line is PATTERN LANE...")
        pairs += [(lane, words[0]) for lane in words[1:]]
    return pairs


def git(*arguments, given=None):
    """What git prints; None where this is no checkout."""
    done = subprocess.run(["git", "-C", ROOT, *arguments], input=given, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def files_of(pattern, files):
    return [file for file in files if fnmatch.fnmatchcase(file, pattern)]


def inputs(lane):
    """The files that a lane's outcome hangs on: those of .ci/lanes and the lane itself; None without git."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        return None
    files = [file for file in listed.split("\0") if file and (ROOT / file).is_file()]
    chosen = {f"scripts/lanes/{lane.name}"}
    for name, pattern in patterns():
        if name == lane.name:
            chosen.update(files_of(pattern, files))
    return sorted(chosen)


def digest(lane):
    """SHA-256 over names and contents of a lane's inputs, and their number. It survives rebases and shallow clones,
    which commit ids and dates do not."""
    files = inputs(lane)
    if files is None:
        return None, 0
    hashes = git("hash-object", "--stdin-paths", given="".join(f"{ROOT / file}\n" for file in files))
    text = "".join(f"{one} {file}\n" for one, file in zip((hashes or "").split(), files, strict=True))
    return hashlib.sha256(text.encode()).hexdigest(), len(files)


@dataclasses.dataclass
class Outcome:
    lane: Lane
    passed: int
    failed: int
    problem: str
    seconds: float
    cpu_seconds: float
    facts: list
    skipped: list

    @property
    def is_good(self):
        return not self.problem

    @property
    def closing(self):
        line = f"{self.lane.name}: {self.passed} passed, {self.failed} failed"
        return [line] if self.is_good else [f"{self.lane.name} did not pass: {self.problem}", line]


def end_group(process):
    """Ends what a lane has started and is still in its session: politely, then not."""
    for number, seconds in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def run_lane(lane, seconds_max):
    """Runs a lane, showing what it prints, for at most `seconds_max`."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "asof/lanes"
    folder = cache / lane.name
    folder.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{lane.name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"another run of lane {lane.name} is under way; wait for it") from None
        return _run_lane(lane, seconds_max, folder)


def _run_lane(lane, seconds_max, folder):
    print(f"lane {lane.name}: at most {seconds_max / 60:.0f} min; {lane.fields['proves']}", flush=True)
    begun, cpu_begun = time.monotonic(), cpu_seconds()
    process = subprocess.Popen(
        [lane.file], cwd=ROOT, env={**os.environ, "ASOF_LANE_FOLDER": str(folder)}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )
    is_late = threading.Event()

    def end():
        is_late.set()
        end_group(process)

    timer = threading.Timer(seconds_max, end)
    facts, skipped, last = [], [], [""]

    def read():
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            line = line.rstrip()
            facts.extend([line[6:]] if line.startswith("fact: ") else [])
            skipped.extend([line[9:]] if line.startswith("skipped: ") else [])
            last[0] = line or last[0]

    reader = threading.Thread(target=read, daemon=True)
    timer.start()
    reader.start()
    try:
        process.wait()
        # A server that the lane left behind may hold the pipe open.
        reader.join(10)
    except BaseException:
        end_group(process)
        raise
    finally:
        timer.cancel()
    counted = re.fullmatch(rf"{re.escape(lane.name)}: (\d+) passed, (\d+) failed", last[0])
    passed, failed = (int(counted[1]), int(counted[2])) if counted else (0, 0)
    problem = ""
    if is_late.is_set():
        problem = f"it was not done after {seconds_max / 60:.1f} min and was ended"
    elif process.returncode:
        problem = f"it exited with {process.returncode}"
    elif not counted:
        problem = f"its last line is not `{lane.name}: n passed, n failed`"
    elif failed:
        problem = "tests failed"
    elif not passed:
        problem = "nothing ran"
    seconds = time.monotonic() - begun
    return Outcome(lane, passed, failed, problem, seconds, cpu_seconds() - cpu_begun, facts, skipped)


def cpu_seconds():
    """Of all children that have ended: what a lane costs however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter((done.stdout or done.stderr).strip().splitlines()), None)


def machine():
    """What a reader may want to know of the machine; neither its name nor its paths."""
    swift = first_line("swift", "--version") or ""
    servers = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    system = {}
    if os.path.exists("/etc/os-release"):
        system = dict(line.split("=", 1) for line in open("/etc/os-release").read().splitlines() if "=" in line)
    found = re.search(r"Swift version (\S+)", swift)
    facts = [f"Swift {found[1]}" if found else "no swift"]
    if servers:
        facts.append("PostgreSQL " + (first_line(str(servers[-1]), "--version") or "").split(") ")[-1].split()[0])
    facts.append(system.get("PRETTY_NAME", platform.system()).strip('"'))
    facts.append(f"{platform.machine()}, {len(os.sched_getaffinity(0))} CPUs")
    return "; ".join(facts)


def write_page(outcome, count, fingerprint):
    lane = outcome.lane
    commit = (git("rev-parse", "--short=12", "HEAD") or "unknown").strip()
    if git("status", "--porcelain"):
        commit += " and changes that were not committed"
    lines = [
        f"# Lane {lane.name}", "",
        f"Written by `scripts/test --lane {lane.name}`, which passed. Not edited by hand.", "",
        f"- Proves: {lane.fields['proves']}",
        f"- Emulates: {lane.fields['emulates']}",
        f"- Date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        f"- Commit: {commit}",
        f"- Inputs: {fingerprint} ({count} files, by .ci/lanes)",
        f"- Ran: `scripts/lanes/{lane.name}`, {outcome.seconds / 60:.1f} min, of CPU {outcome.cpu_seconds / 60:.1f} min",
        f"- Result: {outcome.passed} passed, {outcome.failed} failed",
        f"- Machine: {machine()}",
    ]
    lines += [f"- Fact: {fact}" for fact in outcome.facts]
    lines += [f"- Skipped: {one}" for one in outcome.skipped] or ["- Skipped: nothing"]
    lane.page.parent.mkdir(parents=True, exist_ok=True)
    lane.page.write_text("\n".join(lines) + "\n")


PAGE_FORM = {
    "Proves": r".+", "Emulates": r".+", "Date": r"\d{4}-\d\d-\d\d", "Commit": r"[0-9a-f]{12}( and changes .*)?|unknown",
    "Inputs": r"([0-9a-f]{64}) \(\d+ files, by \.ci/lanes\)|unknown", "Ran": r"`scripts/lanes/[a-z0-9-]+`, [\d.]+ min(, of CPU [\d.]+ min)?",
    "Result": r"[1-9]\d* passed, 0 failed", "Machine": r"Swift \S+; .+", "Skipped": r".+",
}


def read_page(lane):
    """The fields of a lane's page; None without one; Refusal where it has another form."""
    if not lane.page.exists():
        return None
    text = lane.page.read_text()
    fields = dict(re.findall(r"^- ([A-Z][a-z]+): (.*)$", text, re.MULTILINE))
    for name, form in PAGE_FORM.items():
        if not re.fullmatch(form, fields.get(name, "")):
            raise Refusal(f"docs/verified/{lane.name}.md: {name} is '{fields.get(name, '')}', not of the form {form}")
    if not text.startswith(f"# Lane {lane.name}\n"):
        raise Refusal(f"docs/verified/{lane.name}.md is not headed 'Lane {lane.name}'")
    return fields


def run(lanes, seconds_max=None):
    """Runs lanes one after the other."""
    outcomes = []
    for lane in lanes:
        fingerprint, count = digest(lane)
        outcome = run_lane(lane, lane.limit_minutes * 60 * PATIENCE_ELSEWHERE if seconds_max is None else seconds_max(lane))
        if outcome.is_good and digest(lane)[0] == fingerprint:
            write_page(outcome, count, fingerprint)
        elif outcome.is_good:
            outcome.problem = "its files were changed while it ran"
        outcomes.append(outcome)
        print("\n".join(outcome.closing), flush=True)
    return outcomes


def is_verified(lane):
    """Whether the files of a lane are those that its page is about."""
    try:
        page = read_page(lane)
    except Refusal:
        return False
    fingerprint = digest(lane)[0]
    return page is not None and fingerprint is not None and page["Inputs"].startswith(fingerprint)


def behind(lane):
    """How old what is known of a lane is, where its files have changed since; else nothing."""
    try:
        page = read_page(lane)
    except Refusal:
        return ""
    return "" if page is None or is_verified(lane) else f" (passed on {page['Date']}; its files have changed since)"


def ci(started):
    """Runs the lanes of CI whose files are not those that were verified; says what was not run."""
    named = list(dict.fromkeys(name for name, _ in patterns()))
    lanes = sorted((lane for lane in all_lanes() if lane.runs_in_ci and lane.name in named),
                   key=lambda lane: named.index(lane.name))
    closing, is_good = [], True
    for lane in lanes:
        minutes = (time.time() - started) / 60
        if is_verified(lane):
            closing.append(f"not run: {lane.name}: its files are those of docs/verified/{lane.name}.md")
        elif minutes >= CI_BEGIN_MAX_MINUTES:
            closing.append(f"not run: {lane.name}: CI was {minutes:.0f} min old, and begins nothing after {CI_BEGIN_MAX_MINUTES}")
        else:
            seconds = min(lane.limit_minutes, CI_END_MINUTES - minutes) * 60
            try:
                outcome = run([lane], lambda _, seconds=seconds: seconds)[0]
            except Refusal as refusal:
                closing.append(f"{lane.name} did not pass: {refusal}")
                is_good = False
                continue
            closing += outcome.closing
            is_good = is_good and outcome.is_good
    for lane in all_lanes():
        if lane not in lanes:
            unproven = lane.fields.get(UNPROVEN)
            never = f"has never passed as a whole ({unproven}); " if unproven else ""
            closing.append(f"not run: {lane.name}: {never}{lane.fields['ci']}{behind(lane)}")
    print("\n".join(["", *closing]), flush=True)
    return 0 if is_good else 1


def age_problem(lane, page):
    """Whether a page is too old, seen from the newest commit that changed the lane's files: so a clone does not turn red
    by lying about, only a change can make it so. None also where the history is not there to tell."""
    if is_verified(lane) or (git("rev-parse", "--is-shallow-repository") or "true").strip() != "false":
        return None
    newest = git("log", "-1", "--format=%ct", "--", *(f":(literal){file}" for file in inputs(lane)))
    if not newest or not newest.strip():
        return None
    verified = datetime.datetime.fromisoformat(page["Date"]).replace(tzinfo=datetime.timezone.utc)
    days = (datetime.datetime.fromtimestamp(int(newest), datetime.timezone.utc) - verified).days
    if days <= AGE_MAX_DAYS:
        return None
    return (f"docs/verified/{lane.name}.md is {days} days older than the newest change of the lane's files, and may be "
            f"{AGE_MAX_DAYS}; run scripts/test --lane {lane.name} and commit the page")


def check():
    """All that is not as it should be, one line each."""
    problems = []
    lanes = all_lanes()
    names = {lane.name for lane in lanes}
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = None if listed is None else [file for file in listed.split("\0") if file]
    for name, pattern in patterns():
        if name not in names:
            problems.append(f".ci/lanes names the lane '{name}', which scripts/lanes does not have")
        if files is not None and not files_of(pattern, files):
            problems.append(f".ci/lanes: no file is like '{pattern}'")
    named = {name for name, _ in patterns()}
    problems += [f".ci/lanes has no paths for lane '{name}'" for name in sorted(names - named)]
    folder = ROOT / "docs/verified"
    for page in sorted(folder.glob("*.md")) if folder.is_dir() else []:
        if page.stem not in names:
            problems.append(f"docs/verified/{page.name} is about no lane")
    for lane in lanes:
        try:
            page = read_page(lane)
        except Refusal as refusal:
            problems.append(str(refusal))
            continue
        if page is not None and UNPROVEN in lane.fields:
            problems.append(f"lane {lane.name} has passed, see its page; take `{UNPROVEN}:` out of its header")
        elif page is None and not lane.runs_in_ci and UNPROVEN not in lane.fields:
            problems.append(f"CI does not run lane {lane.name}, and there is no docs/verified/{lane.name}.md; run it")
        elif page is not None and not lane.runs_in_ci and (problem := age_problem(lane, page)):
            problems.append(problem)
    return problems


def main(arguments):
    command, *rest = arguments or ["list"]
    if command == "list":
        for lane in all_lanes():
            print(f"{lane.name:12} {lane.fields['takes']}; in CI: {lane.fields['ci']}\n{'':12} {lane.fields['proves']}")
        return 0
    if command == "run":
        lanes = [read_lane(name) for name in rest] if rest else all_lanes()
        outcomes = run(lanes)
        if len(outcomes) > 1:
            print("\n".join(["", *(line for outcome in outcomes for line in outcome.closing)]))
        return 0 if outcomes and all(outcome.is_good for outcome in outcomes) else 1
    if command == "ci":
        return ci(float(rest[0]))
    if command == "check":
        problems = check()
        print("\n".join(problems) or "lanes and their pages are as they should be")
        return 1 if problems else 0
    raise Refusal(f"what is '{command}'?")


if __name__ == "__main__":
    # So that what a lane has started is ended with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except Refusal as refusal:
        sys.exit(f"lanes: {refusal}")
