"""Turns what was collected of one run of a script into facts that can be compared with another run's.

Takes out what differs between any two runs (times, random ids, folders, the order of items in a row, how a number is
spelt) and folds what the two sidecars may write at a different pace (the derived summary).
"""

import json
import math
import re

# Kinds of records that come at the pace of the machine, not of the script.
PACED = {"stats", "environment"}
WARNING = ("wandb: WARNING <step", "wandb: WARNING Some messages exceeded")

# Each side says it in its own words; what is said must be the same.
SAME_WORDS = [
    (r"Tried to log to step (-?\d+) that is less than the current step (-?\d+)\.[^\n]*", r"<step \1 behind \2>"),
    (r"This row was not logged: its step (-?\d+) is behind the run's current step (-?\d+)[^\n]*", r"<step \1 behind \2>"),
    (r"You can sync this run to the cloud by running:|This offline run can be uploaded with:", "<how to upload>"),
    (r"Done\. \d+\.\d+s", "Done. <time>"),
    (r"(Find|Its) logs( at)?: (\./)?", "<logs> "),
]
TIMES = {"_timestamp", "_runtime"}
# Random in every run, wherever they stand in a record.
RANDOM = {"mailbox_slot", "client_id", "sequence_client_id", "writer_id", "connection_id"}


def value_of(text):
    """A JSON value in one form: numbers by value and not by spelling, NaN equal to itself."""
    try:
        return _canonical(json.loads(text))
    except ValueError:
        return {"not json": text}


def _canonical(value):
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    if isinstance(value, dict):
        return {name: _canonical(each) for name, each in value.items()}
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    if math.isnan(value) or math.isinf(value):
        return {"not finite": str(value)}
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def text_of(text, root):
    """Text with what is random in any run replaced: folders, times in names, client artifact ids, colours."""
    text = re.sub(r"\x1b\[[0-9;]*m(?=wandb|: |$)|(?<=wandb)\x1b\[0m|\x1b\[1(;35)?m|\x1b\[0m", "", text)
    text = text.replace(root, "<root>")
    text = re.sub(r"\b(run|core-debug)-\d{8}_\d{6}(?:(?<=\d)-\d+(?=\.log\b))?", r"\1-<time>", text)
    text = re.sub(r"(<root>/data/artifacts/staging/)tmp\w+", r"\1<random>", text)
    text = re.sub(r"wandb-client-artifact://[0-9a-z]+", "wandb-client-artifact://<random>", text)
    text = re.sub(r"\b\d{13}(?=\.)", "<milliseconds>", text)
    text = re.sub(r"_\d{8}_\d{6}_\d{9}(?=\.log\b)", "_<time>", text)
    text = re.sub(r"\b0x[0-9a-f]{8,}\b", "<address>", text)
    for words, meaning in SAME_WORDS:
        text = re.sub(words, meaning, text)
    return text


class Normaliser:
    """One run of a script: its root folder and rules."""

    def __init__(self, facts, rules):
        self._facts = facts
        self._root = facts["root"]
        self._rules = rules

    def facts(self):
        """The comparable facts, as plain JSON."""
        logs = {self._text(path): self._log(log) for path, log in self._facts["logs"].items()}
        return {
            "exit code": self._facts["exit"],
            "hung": self._facts["hung"],
            "stdout": self._lines(self._facts["stdout"]),
            "stderr": self._lines(self._facts["stderr"]),
            "logs": logs,
            "files": self._files(),
        }

    def _text(self, text):
        return text_of(text, self._root)

    def _lines(self, text):
        lines = self._without_warnings(self._text(text).split("\n"))
        if self._rules.get("sampled"):
            lines = [re.sub(r" [▁▂▃▄▅▆▇█]+$", " <sparkline>", line) for line in lines]
        return sorted(lines) if self._rules.get("racing_runs") else lines

    def _without_warnings(self, lines):
        if not self._rules.get("warnings"):
            return lines
        rest = [line for line in lines if not line.startswith(WARNING)]
        return rest if len(rest) == len(lines) else ["<warnings>", *rest]

    # Files

    def _files(self):
        return {self._text(path): self._file(path, entry) for path, entry in self._facts["tree"].items()}

    def _file(self, path, entry):
        if "link" in entry and self._rules.get("racing_runs"):
            return "link to one of the runs"
        if "link" in entry:
            return "link to " + self._text(entry["link"])
        if path.endswith(".wandb") or path.split("/")[2:3] == ["logs"]:
            return "present"
        if "text" not in entry:
            return entry
        if path.endswith("requirements.txt"):
            return sorted(entry["text"].split("\n"))
        if path.endswith(".json"):
            try:
                return _canonical(json.loads(self._text(entry["text"])))
            except ValueError:
                pass
        return self._without_warnings(self._text(entry["text"]).split("\n"))

    # Logs

    def _log(self, log):
        events, console, summary, paced = [], [], {}, {}
        for record in log["records"]:
            kind = next(name for name in record if name not in ("num", "control", "_info", "uuid"))
            if kind == "summary":
                fold(summary, record["summary"], self._text)
                if "stream_id" not in record.get("_info", {}):
                    continue
            if kind in PACED:
                paced.setdefault(kind, set()).update(_shape(kind, record[kind]))
                continue
            (console if kind in ("output_raw", "output") else events).append(self._record(kind, record))
        if self._rules.get("files_race"):
            events.sort(key=lambda event: event["kind"] != "files")
        if self._rules.get("unordered"):
            events = _unordered(events)
        numbers = [int(record.get("num", 0)) for record in log["records"]]
        return {
            "damage": log["damage"],
            "numbered 1..n": numbers == list(range(1, len(numbers) + 1)),
            "run time never falls": _rises(log["records"]),
            "records": events,
            "console": self._console(console),
            "final summary": {name: _summary_time(name, value) for name, value in sorted(summary.items())},
            "machine": {kind: sorted(keys) for kind, keys in paced.items()},
        }

    def _console(self, console):
        if self._rules.get("warnings"):
            console = [each for each in console if not each["body"].get("line", "").startswith(WARNING)]
        if not self._rules.get("console_text"):
            return console
        # How the bytes of a descriptor are cut into records depends on when they are read; the text does not.
        return ["".join(each["body"].get("line", "") for each in console)]

    def _record(self, kind, record):
        body = self._walk(record[kind])
        if kind == "history":
            # A message that is there but empty is step 0; in shared mode there is none.
            step = int(body["step"].get("num", 0)) if "step" in body else None
            body = {"items": body.get("item", {}), "step": step}
        elif kind == "header":
            body["version_info"]["producer"] = body["version_info"].get("producer", "").split("+")[0]
        elif kind == "run":
            body["start_time"] = "<time>"
        elif kind in ("output_raw", "output"):
            body["timestamp"] = "<time>"
        elif kind == "exit":
            body.pop("runtime", None)
        around = {name: self._walk(record[name]) for name in ("control", "_info") if name in record}
        return {"kind": kind, "body": body, "around": around}

    def _walk(self, node):
        if isinstance(node, dict):
            return {name: "<random>" if name in RANDOM else self._field(name, value) for name, value in node.items()}
        if isinstance(node, list):
            return [self._walk(each) for each in node]
        return self._text(node) if isinstance(node, str) else node

    def _field(self, name, value):
        if name in ("item", "update", "remove") and isinstance(value, list):
            return self._items(value)
        if name == "contents" and isinstance(value, list):
            return sorted((self._walk(each) for each in value), key=lambda each: each.get("path", ""))
        if name == "digest" and self._rules.get("random_digests"):
            return "<digest>"
        if name == "local_path":
            return re.sub(r"[^/]+$", "<staged>", self._text(value))
        return self._walk(value)

    def _items(self, items):
        """By name, as their order is chance in the official log; a name that comes twice is kept and shows."""
        named = {}
        for item in items:
            name = _path_text(item)
            while name in named:
                name += " (again)"
            named[name] = self._item(item)
        return named

    def _item(self, item):
        name = _path(item)[-1]
        rest = {key: value for key, value in item.items() if key not in ("key", "nested_key")}
        if name in TIMES and "value_json" in rest:
            return f"<{'integer' if _is_integer(rest['value_json']) else 'number'}>" if not self._given(item) else value_of(rest["value_json"])
        if "value_json" in rest:
            rest["value_json"] = value_of(self._text(rest["value_json"]))
        if "json" in rest:
            rest["json"] = value_of(self._text(rest["json"]))
        if "number" in rest:
            rest["number"] = str(rest["number"])
        return rest["value_json"] if list(rest) == ["value_json"] else rest

    @staticmethod
    def _given(item):
        """A time that the user gave: far from any clock."""
        return value_of(item["value_json"]) == 7.5


def _is_integer(text):
    return re.fullmatch(r"-?\d+", text) is not None


def _path(item):
    return item.get("nested_key") or [item.get("key", "")]


def _path_text(item):
    """Names an item, and shows in which of the two fields its name stood."""
    return " > ".join(item["nested_key"]) + " (nested)" if "nested_key" in item else item.get("key", "")


def fold(summary, record, text=str):
    """Applies one summary record, as a reader of the log would: paths to values, a leaf and a subtree replace each other."""
    for item in record.get("update", []):
        path = tuple(_path(item))
        _cut(summary, path)
        for depth in range(1, len(path)):
            summary.pop(" > ".join(path[:depth]), None)
        value = value_of(text(item.get("value_json", "")))
        if path[-1] in TIMES:
            value = (value, _is_integer(item.get("value_json", "")))
        summary[" > ".join(path)] = value
    for item in record.get("remove", []):
        _cut(summary, tuple(_path(item)))


def _cut(summary, path):
    name = " > ".join(path)
    for each in [each for each in summary if each == name or each.startswith(name + " > ")]:
        del summary[each]


def _rises(records):
    rows = [record["history"].get("item", []) for record in records if "history" in record]
    times = [value_of(item["value_json"]) for row in rows for item in row if _path(item) == ["_runtime"]]
    return times == sorted(times)


def _summary_time(name, value):
    if name == "_wandb > runtime":
        return "<integer>" if isinstance(value, int) else value
    if isinstance(value, tuple):
        return 7.5 if value[0] == 7.5 else f"<{'integer' if value[1] else 'number'}>"
    return value


def _shape(kind, body):
    """Names of what a record of the machine's state holds; the values are the machine's own."""
    if kind == "stats":
        return {item["key"] for item in body.get("item", [])}
    names = set()

    def walk(node, path):
        for name, value in node.items():
            if isinstance(value, dict):
                walk(value, f"{path}{name}.")
            else:
                names.add(path + name)

    walk(body, "")
    return names


def _unordered(events):
    """Rows of a script whose threads race: sorted, without their steps."""
    rows, rest = [], []
    for event in events:
        if event["kind"] != "history":
            rest.append(event)
            continue
        event["body"].pop("step")
        event["body"]["items"].pop("_step (nested)", None)
        rows.append(event)
    return rest + sorted(rows, key=lambda each: json.dumps(each, sort_keys=True))
