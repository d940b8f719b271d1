"""Says in plain lines where two runs of one script differ: the official sidecar's and ours."""

import difflib
import json

from normalise import Normaliser

# Enough to see what is wrong; more would hide it.
MOST = 12


def differences(official, ours, rules, *, same_sidecar=False):
    """Lines that say what differs; empty if the SDK could not tell. `same_sidecar`: both are the official one."""
    left, right = Normaliser(official, rules).facts(), Normaliser(ours, rules).facts()
    if rules.get("killed"):
        return _killed(left, right, rules, same_sidecar)
    found = []
    for name in ("exit code", "hung"):
        if left[name] != right[name]:
            found.append(f"{name}: official {left[name]!r}, ours {right[name]!r}")
    for name in ("stdout", "stderr"):
        found += _text(name, left[name], right[name])
    found += _files(left["files"], right["files"])
    found += _names("log", left["logs"], right["logs"])
    for path in left["logs"].keys() & right["logs"].keys():
        found += [f"{path}: {each}" for each in _log(left["logs"][path], right["logs"][path])]
    return found


def _killed(left, right, rules, same_sidecar):
    """A script that died at once. The official sidecar loses what it had not written; ours must have every row."""
    found = []
    if left["exit code"] != right["exit code"]:
        found.append(f"exit code: official {left['exit code']}, ours {right['exit code']}")
    if right["hung"]:
        found.append(f"hung: {right['hung']}")
    found += [f"file missing in ours: {path}" for path in sorted(left["files"].keys() - right["files"].keys())]
    found += _names("log", left["logs"], right["logs"])
    for name in ("stdout", "stderr"):
        lost = [line for line in left[name] if line and line not in right[name]]
        found += [f"{name}: ours lacks {line!r}" for line in lost]
    for path in left["logs"].keys() & right["logs"].keys():
        theirs, mine = left["logs"][path], right["logs"][path]
        if same_sidecar:
            continue
        have = {json.dumps(event, sort_keys=True) for event in mine["records"]}
        lost = [event for event in theirs["records"] if json.dumps(event, sort_keys=True) not in have]
        found += [f"{path}: ours lacks {_short(event)}" for event in lost]
        rows = sum(event["kind"] == "history" for event in mine["records"])
        if rows != rules["accepted"]:
            found.append(f"{path}: {rows} rows in ours, {rules['accepted']} were accepted")
        last = mine["records"][-1] if mine["records"] else None
        if not last or last["kind"] != "exit" or not last["body"].get("exit_code"):
            found.append(f"{path}: ours does not end with an exit record of a failed run, but with {_short(last)}")
        if mine["damage"]:
            found.append(f"{path}: damaged: {mine['damage']}")
    return found[:MOST]


def _log(left, right):
    found = []
    for name in ("damage", "numbered 1..n", "run time never falls"):
        if left[name] != right[name]:
            found.append(f"{name}: official {left[name]!r}, ours {right[name]!r}")
    for name in ("records", "console"):
        found += _sequence(name, left[name], right[name])
    found += _tree("final summary", left["final summary"], right["final summary"])
    found += _tree("machine", left["machine"], right["machine"])
    return found


def _sequence(name, left, right):
    if left == right:
        return []
    if len(left) == len(right):
        pairs = enumerate(zip(left, right))
        found = [line for at, (a, b) in pairs if a != b for line in _tree(f"{name}[{at}] {_kind(a)}", a, b)]
        return found[:MOST]
    keys = [[json.dumps(each, sort_keys=True) for each in side] for side in (left, right)]
    head = next((at for at, (a, b) in enumerate(zip(*keys)) if a != b), min(map(len, keys)))
    found = [f"{name}: official has {len(left)}, ours {len(right)}; equal up to {head}"]
    # A window is enough to show it, and keeps the search short on logs of thousands of rows.
    window = [side[head : head + 200] for side in keys]
    matcher = difflib.SequenceMatcher(None, *window, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            found += [f"{name}[{head + a + at}]: only official: {_short(each)}" for at, each in enumerate(window[0][a:b])]
            found += [f"{name}[{head + c + at}]: only ours: {_short(each)}" for at, each in enumerate(window[1][c:d])]
    return found[:MOST]


def _kind(event):
    return event["kind"] if isinstance(event, dict) else ""


def _tree(where, left, right):
    """Walks two JSON trees and names the leaves that differ."""
    if left == right:
        return []
    if isinstance(left, dict) and isinstance(right, dict):
        found = []
        for name in list(left) + [name for name in right if name not in left]:
            if name not in right:
                found.append(f"{where} . {name}: only official: {_short(left[name])}")
            elif name not in left:
                found.append(f"{where} . {name}: only ours: {_short(right[name])}")
            else:
                found += _tree(f"{where} . {name}", left[name], right[name])
        return found
    return [f"{where}: official {_short(left)}, ours {_short(right)}"]


def _text(name, left, right):
    if left == right:
        return []
    lines = [line for line in difflib.unified_diff(left, right, "official", "ours", n=1, lineterm="")][2:]
    return [f"{name}: {line[:400]}" for line in lines][:MOST]


def _files(left, right):
    found = _names("file", left, right)
    for path in sorted(left.keys() & right.keys()):
        if isinstance(left[path], list) and isinstance(right[path], list):
            found += _text(path, left[path], right[path])
        else:
            found += _tree(path, left[path], right[path])
    return found[:MOST]


def _names(what, left, right):
    missing = [f"{what} only official: {path}" for path in sorted(left.keys() - right.keys())]
    return missing + [f"{what} only ours: {path}" for path in sorted(right.keys() - left.keys())]


def _short(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"
