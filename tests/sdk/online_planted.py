"""Plants differences between two online runs and looks whether the comparison finds each; it must find none where none is."""

import copy

import online_compare

STATE = {name: None for name in online_compare.PLAIN} | {
    "run": "r",
    "config": {"a": {"value": 1}, "_wandb": {"value": {"t": {}}}},
    "summary": {"x": 2, "_step": 1, "_timestamp": 1.5, "_runtime": 0.5, "_wandb": {"runtime": 1}},
    "history": [{"x": 1, "_step": 0, "_timestamp": 1.5, "_runtime": 0.1}, {"x": 2, "_step": 1, "_timestamp": 1.6, "_runtime": 0.2}],
    "events": [{"system.cpu": 1.0}],
    "console": ['{"ts": "2025-01-01T00:00:00.000000", "content": "hello"}'],
    "files": {"a.txt": {"md5": "m", "size": 1, "uploaded": True}},
    "writers": {"": {"history": [1, 2]}},
    "counters": {"conflicts": 0, "gaps": 0},
    "state": "finished",
}
FACTS = {
    "root": "/nowhere",
    "url": "http://nowhere",
    "exit": 0,
    "hung": None,
    "stdout": "=== a\none\n=== end\n",
    "stderr": "=== a\nwandb: done\n=== end\n",
    "runs": {"e/p/r": STATE},
}


def row_lost(facts, state):
    state["history"].pop()


def value_changed(facts, state):
    state["history"][1]["x"] = 3


def summary_changed(facts, state):
    state["summary"]["x"] = 3


def config_changed(facts, state):
    state["config"]["a"]["value"] = 2


def console_lost(facts, state):
    state["console"].clear()


def file_changed(facts, state):
    state["files"]["a.txt"]["md5"] = "n"


def state_wrong(facts, state):
    state["state"] = "crashed"


def exit_code_wrong(facts, state):
    facts["exit"] = 1


def footer_lost(facts, state):
    facts["stderr"] = "=== a\n=== end\n"


PLANTED = [row_lost, value_changed, summary_changed, config_changed, console_lost, file_changed, state_wrong, exit_code_wrong, footer_lost]

assert not online_compare.differences(copy.deepcopy(FACTS), copy.deepcopy(FACTS), {}), "equal facts differ"
found = 0
for plant in PLANTED:
    changed = copy.deepcopy(FACTS)
    plant(changed, changed["runs"]["e/p/r"])
    seen = online_compare.differences(copy.deepcopy(FACTS), changed, {})
    found += bool(seen)
    if not seen:
        print("missed", plant.__name__)
print(f"found {found} of {len(PLANTED)}")
