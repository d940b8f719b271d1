"""Resume: allow, must, never."""

import wandb
from helper import FAST, metrics, requests, state

fast = lambda: wandb.Settings(**FAST)


def start(**how):
    return wandb.init(project="p", settings=fast(), **how)


# Not even the project is there.
with start(id="early", resume="allow") as run:
    run.log({"x": 1})
with start(id="r", config={"a": 1}) as run:
    for i in range(3):
        run.log({"x": i})
for mode in ("must", "allow"):
    with start(id="r", resume=mode, config={"b": mode}) as run:
        assert run.resumed and run.starting_step == {"must": 3, "allow": 4}[mode], run.starting_step
        run.log({"x": mode})
found = state("local/p/r")
assert metrics(found["history"], "x", "_step") == [[0, 0], [1, 1], [2, 2], ["must", 3], ["allow", 4]], found["history"]
assert found["config"]["a"] == {"value": 1} and found["config"]["b"] == {"value": "allow"}
assert found["counters"]["conflicts"] == found["counters"]["gaps"] == 0, found["counters"]

with start(id="new", resume="allow") as run:
    run.log({"x": 1})
assert state("local/p/new")["state"] == "finished"

before = len(requests("graphql:UpsertBucket"))
for how in ({"id": "r", "resume": "never"}, {"id": "none", "resume": "must"}):
    try:
        start(**how)
    except wandb.errors.UsageError:
        pass
    else:
        raise AssertionError(how)
assert len(requests("graphql:UpsertBucket")) == before
