#!/usr/bin/env python3
"""The closing lines of a run of tests: closing.py NAME EVENTS STATUS

EVENTS is what `swift test --event-stream-output-path` wrote, STATUS what it exited with. Prints a line for each test or
suite that was skipped (with its reason), each that had no case, each that had begun and did not end, each that failed;
then `NAME: n passed, n failed`. A test without a case, and one that did not end, counts as failed: it has shown nothing.
"""
import json
import sys


def test_name(test):
    return f"{test['module']}: {test['name']}"


def read(path):
    """All tests by id, and what happened to each."""
    tests, happened, is_whole = {}, {}, False
    for line in open(path, encoding="utf-8", errors="replace"):
        try:
            record = json.loads(line)
        except ValueError:
            continue  # The last line of a run that crashed.
        payload = record.get("payload", {})
        if record.get("kind") == "test":
            module = payload["id"].split(".")[0]
            tests[payload["id"]] = {**payload, "module": module, "name": payload.get("displayName") or payload["name"]}
        elif record.get("kind") == "event":
            is_whole = is_whole or payload["kind"] == "runEnded"
            if "testID" in payload:
                happened.setdefault(payload["testID"], []).append(payload)
    return tests, happened, is_whole


def reason(event):
    texts = [message["text"] for message in event.get("messages", [])]
    text = " ".join(texts)
    return text.split("skipped: ", 1)[-1].strip().strip('"') if "skipped: " in text else "no reason given"


def is_failure(event):
    issue = event.get("issue", {})
    return event["kind"] == "issueRecorded" and not issue.get("isKnown") and issue.get("severity") != "warning"


def main(name, path, status):
    tests, happened, is_whole = read(path)
    skipped, failed, passed = [], [], 0
    for identity, events in happened.items():
        test = tests.get(identity)
        if test is None:
            continue
        kinds = [event["kind"] for event in events]
        is_bad = any(is_failure(event) for event in events)
        if "testSkipped" in kinds:
            skipped.append(f"{test_name(test)}: {reason(events[kinds.index('testSkipped')])}")
        elif test["kind"] != "function":
            failed += [f"failed: {test_name(test)}"] if is_bad else []
        elif is_bad:
            failed.append(f"failed: {test_name(test)}")
        elif "testEnded" not in kinds:
            failed.append(f"did not end: {test_name(test)}")
        elif test.get("isParameterized") and "testCaseStarted" not in kinds:
            failed.append(f"had no case: {test_name(test)}")
        else:
            passed += 1
    lines = [f"skipped: {one}" for one in sorted(skipped)] + sorted(failed)
    if not is_whole:
        lines.append("the run ended before its end")
    elif status and not failed:
        lines.append(f"swift test exited with {status}")
    elif not passed and not failed:
        lines.append("nothing ran")
    print("\n".join([*lines, f"{name}: {passed} passed, {len(failed)} failed"]))
    return 0 if is_whole and not status and passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
