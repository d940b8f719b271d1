"""Says in plain lines where two online runs of one script differ: the official sidecar's and ours.

What differs on purpose is taken out here, each with its reason.
"""

import json
import re

from compare import MOST, _text, _tree
from normalise import text_of

# Names and facts of the run that must be equal as they are.
PLAIN = (
    "display_name notes tags group job_type program host repo commit sweep state exit_code complete preempting stop alerts"
).split()
# Files whose content has times in it, or is compared as something else.
TIMED = re.compile(r"(wandb-summary\.json|wandb-metadata\.json|config\.yaml|output.*\.log)$")
# Ours streams at its own pace, so what a random sample of a run draws in the footer is chance.
SPARKLINE = re.compile(r" [▁▂▃▄▅▆▇█]+$")
# What is under way at the end, as far as it takes long enough to be told.
PROGRESS = re.compile(r"wandb: (updating|uploading|retrying|Finishing up)\b.*$")
# Each says in its own words what the user is told of a line that is too long.
SAME_WORDS = [
    # Two runs of one id in the same second have folders with a number; which, is chance.
    (r"(\brun-<time>-\w+?)-\d+(?=/|$|\n)", r"\1"),
    (r"(?m)^wandb: (🚀 View run .*at:? (\x1b\[34m)?|The run is shown at: )(?=<server>)", "<shown at> "),
    # Who is logged in is asked by `authenticate`; without an answer the SDK says that there is a key.
    (r"(?m)^wandb: (Currently logged in as: local to <server>\S*|W&B API key is configured)\. Use .*$", "<logged in>"),
    (r"(?m)^wandb: WARNING [^\n]*\(3\d\d\d > 2000[^\n]*$", "<line too long>"),
    (r"(?m)^wandb: WARNING [^\n]*2000[^\n]*$", "<line too long>"),
]


def differences(official, ours, rules):
    """Lines that say what differs; empty if the SDK and the server could not tell."""
    left, right = _facts(official), _facts(ours)
    if rules.get("killed"):
        return _killed(left, right)
    found = []
    for name in ("exit code", "hung"):
        if left[name] != right[name]:
            found.append(f"{name}: official {left[name]!r}, ours {right[name]!r}")
    for name in ("stdout", "stderr"):
        found += _sections(name, *(_sorted(each[name]) if rules.get("racing_runs") else each[name] for each in (left, right)))
    for path in sorted(left["runs"].keys() | right["runs"].keys()):
        if path not in left["runs"] or path not in right["runs"]:
            found.append(f"run only {'official' if path in left['runs'] else 'ours'}: {path}")
            continue
        found += _tree(path, left["runs"][path], right["runs"][path])[:MOST]
    return found


def _killed(left, right):
    """A program that died at once. The official sidecar loses what it had not sent; ours must have every row."""
    found = []
    for name in ("exit code", "hung"):
        if left[name] != right[name]:
            found.append(f"{name}: official {left[name]!r}, ours {right[name]!r}")
    for path, run in left["runs"].items():
        mine = right["runs"].get(path)
        if mine is None:
            found.append(f"run only official: {path}")
            continue
        have = [json.dumps(row, sort_keys=True) for row in mine["history"]]
        lost = [row for row in run["history"] if json.dumps(row, sort_keys=True) not in have]
        found += [f"{path}: ours lacks {row}" for row in lost]
        if mine["state"] != "failed" or not mine["complete"]:
            found.append(f"{path}: ours is left {mine['state']}")
        if not mine["history"]:
            found.append(f"{path}: ours has no rows")
    return found[:MOST]


def _facts(raw):
    def text(value):
        # A script may put a proxy of its own before the server.
        return text_of(re.sub(r"http://127\.0\.0\.1:\d+", "<server>", value.replace(raw["url"], "<server>")), raw["root"])

    return {
        "exit code": raw["exit"],
        "hung": raw["hung"],
        "stdout": _split(text(raw["stdout"])),
        "stderr": _split(text(raw["stderr"])),
        "runs": {path: _run(state, text) for path, state in raw["runs"].items()},
    }


def _split(text):
    """What was printed by each case of a script."""
    for words, meaning in SAME_WORDS:
        text = re.sub(words, meaning, text)
    parts = re.split(r"(?m)^=== (\w+)\n", text)
    sections = {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}
    return {name: _lines(lines) for name, lines in sections.items()}


def _lines(text):
    lines = [SPARKLINE.sub(" <sparkline>", line.rstrip()) for line in text.split("\n")]
    return [line for line in lines if not PROGRESS.match(line)]


def _sections(stream, left, right):
    found = []
    for name in sorted(left.keys() | right.keys()):
        found += _text(f"{stream} of {name or 'the script'}", left.get(name, []), right.get(name, []))
    return found


def _sorted(sections):
    return {name: sorted(lines) for name, lines in sections.items()}


def _run(state, text):
    history = [_row(row) for row in state["history"]]
    if state["run"] == "threads":
        # Rows of racing threads come in any order, at any step.
        history = sorted(json.dumps({k: v for k, v in row.items() if k != "_step"}, sort_keys=True) for row in history)
    facts = {name: json.loads(text(json.dumps(state[name]))) for name in PLAIN}
    # Ours sends alerts side by side, so that none waits for another.
    alerts = [{name: value for name, value in each.items() if name != "at_ms"} for each in state["alerts"] or []]
    facts["alerts"] = sorted(alerts, key=lambda each: json.dumps(each, sort_keys=True))
    facts["config"] = _config(json.loads(text(json.dumps(state["config"]))))
    facts["summary"] = _summary(state["summary"])
    facts["history"] = history
    facts["events"] = sorted({key for row in state["events"] for key in row})
    facts["console"] = [_line(line, text) for line in state["console"]]
    facts["files"] = {text(name): _file(name, file) for name, file in state["files"].items() if file["uploaded"]}
    facts["writers"] = sorted(len(each["history"]) for each in state["writers"].values())
    facts["conflicts"] = state["counters"]["conflicts"]
    facts["gaps"] = state["counters"]["gaps"]
    return facts


def _row(row):
    return {name: _time(name, value) for name, value in row.items()}


def _time(name, value):
    return f"<{type(value).__name__}>" if name in ("_timestamp", "_runtime") else value


def _summary(summary):
    # Whole or not depends on whether the last row came with the end.
    times = {"_timestamp", "_runtime"}
    facts = {name: "<time>" if name in times else value for name, value in summary.items()}
    if "_wandb" in facts:
        facts["_wandb"] = {name: "<time>" if name == "runtime" else value for name, value in facts["_wandb"].items()}
    return facts


def _config(config):
    own = config.get("_wandb", {}).get("value", {})
    # Start times, and the features that each sidecar marks as used.
    own.pop("t", None)
    # The machine; its names of writers are random.
    own.pop("e", None)
    own.pop("start_time", None)
    # Kinds of a metric's summary are a set.
    for metric in own.get("m", []):
        for name in metric.keys() & {"6", "7"}:
            metric[name].sort()
    # Patterns have no order; nothing refers to one by its place, and they come last.
    patterns = [at for at, metric in enumerate(own.get("m", [])) if "2" in metric]
    for at, metric in zip(patterns, sorted((own["m"][at] for at in patterns), key=lambda each: each["2"])):
        own["m"][at] = metric
    return config


def _line(line, text):
    try:
        parsed = json.loads(line)
    except ValueError:
        return text(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+", "<time>", line))
    parsed.pop("ts", None)
    return {name: text(value) for name, value in parsed.items()}


def _file(name, file):
    return "present" if TIMED.search(name) else {"md5": file["md5"], "size": file["size"]}
