"""Tries the comparison itself: each planted difference must be found, each permitted one must pass.

Prints one line a plant: `found NAME: first line` or `MISSED NAME`; `passed NAME` or `COMPLAINED NAME: first line`.
"""

import argparse
import copy
from pathlib import Path

import compare
import pair
import run_case

HERE = Path(__file__).resolve().parent


class Plants:
    """Changes to what was collected of `scripts/mixture.py`."""

    def __init__(self, facts):
        self.facts = facts
        self.log = next(iter(facts["logs"].values()))
        self.records = self.log["records"]

    def of_kind(self, kind, *, core=None):
        """Positions of records of a kind; `core`: only those made by the sidecar, or only those of the client."""
        return [
            at
            for at, record in enumerate(self.records)
            if kind in record and core in (None, "stream_id" not in record.get("_info", {}))
        ]

    def drop(self, at):
        del self.records[at]
        self.renumber()

    def renumber(self):
        for at, record in enumerate(self.records):
            record["num"] = str(at + 1)

    def file(self, end):
        return next(path for path in self.facts["tree"] if path.endswith(end))

    # Differences

    def row_dropped(self):
        self.drop(self.of_kind("history")[1])

    def row_twice(self):
        at = self.of_kind("history")[1]
        self.records.insert(at, copy.deepcopy(self.records[at]))
        self.renumber()

    def rows_swapped(self):
        a, b = self.of_kind("history")[:2]
        self.records[a], self.records[b] = self.records[b], self.records[a]
        self.renumber()

    def value_changed(self):
        item = self.item("loss")
        item["value_json"] = "0.3333333333333334"

    def number_became_text(self):
        item = self.item("loss")
        item["value_json"] = f'"{item["value_json"]}"'

    def item_dropped(self):
        self.records[self.of_kind("history")[2]]["history"]["item"].remove(self.item("loss"))

    def step_changed(self):
        self.records[self.of_kind("history")[2]]["history"]["step"] = {"num": "7"}

    def config_key_lost(self):
        self.drop(self.of_kind("config")[0])

    def telemetry_flag_lost(self):
        feature = self.records[self.of_kind("telemetry")[-1]]["telemetry"]["feature"]
        del feature["finish"]

    def tag_changed(self):
        self.records[self.of_kind("run")[0]]["run"]["tags"] = ["T"]

    def own_summary_lost(self):
        self.drop(self.of_kind("summary", core=False)[0])

    def derived_summary_wrong(self):
        for at in self.of_kind("summary", core=True):
            for item in self.records[at]["summary"]["update"]:
                if item.get("nested_key") == ["acc"]:
                    item["value_json"] = '{"max":1}'

    def derived_summary_lost(self):
        for at in reversed(self.of_kind("summary", core=True)):
            del self.records[at]
        self.renumber()

    def runtime_falls(self):
        for item in self.records[self.of_kind("history")[-1]]["history"]["item"]:
            if item["nested_key"] == ["_runtime"]:
                item["value_json"] = "0.0001"

    def exit_record_lost(self):
        self.drop(self.of_kind("exit")[0])

    def exit_record_code(self):
        self.records[self.of_kind("exit")[0]]["exit"]["exit_code"] = 1

    def numbers_with_a_gap(self):
        self.records[-1]["num"] = str(len(self.records) + 5)

    def console_line_lost(self):
        self.drop(self.of_kind("output_raw")[0])

    def log_damaged(self):
        self.log["damage"] = "the file ends inside a record"

    def log_missing(self):
        self.facts["logs"].clear()

    def file_missing(self):
        del self.facts["tree"][self.file("output.log")]

    def file_too_many(self):
        self.facts["tree"][self.file("output.log") + ".tmp"] = {"text": ""}

    def file_text_changed(self):
        self.facts["tree"][self.file("output.log")]["text"] += "more\n"

    def image_changed(self):
        self.facts["tree"][self.file(".png")]["digest"] = "0" * 64

    def link_changed(self):
        self.facts["tree"][self.file("latest-run")]["link"] = "elsewhere"

    def exit_code_wrong(self):
        self.facts["exit"] = 1

    def sidecar_hung(self):
        self.facts["hung"] = "sidecar"

    def footer_lost(self):
        lines = self.facts["stderr"].split("\n")
        self.facts["stderr"] = "\n".join(line for line in lines if "wandb sync" not in line)

    def footer_number(self):
        self.facts["stderr"] = self.facts["stderr"].replace("best 7", "best 8")

    def stdout_noise(self):
        self.facts["stdout"] += "hello from the sidecar\n"

    # What may differ

    def may_order_items(self):
        for at in self.of_kind("history"):
            self.records[at]["history"]["item"].reverse()

    def may_spell_numbers(self):
        for at in self.of_kind("history"):
            for item in self.records[at]["history"]["item"]:
                if item["nested_key"] == ["acc"]:
                    item["value_json"] += ".0"

    def may_take_other_times(self):
        for record in self.records:
            if "output_raw" in record:
                record["output_raw"]["timestamp"] = "2031-01-01T00:00:00Z"

    def may_gather_derived_summaries(self):
        places = self.of_kind("summary", core=True)
        items = [item for at in places for item in self.records[at]["summary"]["update"]]
        last = places[-1]
        self.records[last]["summary"]["update"] = items
        for at in reversed(places[:-1]):
            del self.records[at]
        self.renumber()

    def item(self, name):
        items = self.records[self.of_kind("history")[2]]["history"]["item"]
        return next(item for item in items if item["nested_key"] == [name])


class KilledPlants(Plants):
    """Changes to what ours would leave of a script that was killed."""

    def killed_row_lost(self):
        self.drop(self.of_kind("history")[-1])

    def killed_exit_record_lost(self):
        self.exit_record_lost()

    def killed_looks_successful(self):
        del self.records[-1]["exit"]["exit_code"]

    def killed_value_changed(self):
        self.records[self.of_kind("history")[0]]["history"]["item"][0]["value_json"] = "123"

    def killed_exit_code(self):
        self.facts["exit"] = 0


def killed_pair(facts):
    """What the official sidecar and ours would leave if the script had been killed at its end."""
    official, ours = copy.deepcopy(facts), copy.deepcopy(facts)
    for each in (official, ours):
        each["exit"] = -9
    for log in official["logs"].values():
        log["records"] = log["records"][:12]
    for log in ours["logs"].values():
        log["records"][-1]["exit"]["exit_code"] = 1
    return official, ours


def try_plants(official, ours, rules, plants):
    base = compare.differences(official, ours, rules)
    if base:
        print(f"COMPLAINED without a plant: {base[0]}")
    for name in vars(plants):
        if name in ("of_kind", "drop", "renumber", "file", "item") or name.startswith("_"):
            continue
        changed = copy.deepcopy(ours)
        getattr(plants, name)(plants(changed))
        found = compare.differences(official, changed, rules)
        if name.startswith("may_"):
            print(f"COMPLAINED {name}: {found[0]}" if found else f"passed {name}")
        else:
            print(f"found {name}: {found[0]}" if found else f"MISSED {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", required=True)
    parser.add_argument("--cache")
    args = parser.parse_args()
    script = HERE / "scripts" / "mixture.py"
    facts = pair.official_facts(script, args.official, args.cache)
    rules = run_case.rules_of(script)
    try_plants(facts, facts, rules, Plants)
    rows = sum("history" in record for log in facts["logs"].values() for record in log["records"])
    try_plants(*killed_pair(facts), rules | {"killed": True, "accepted": rows}, KilledPlants)


if __name__ == "__main__":
    main()
