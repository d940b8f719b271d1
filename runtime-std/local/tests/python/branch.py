"""Fork and rewind, and how the public API reads them."""

import wandb
from helper import FAST, metrics, state

fast = lambda: wandb.Settings(**FAST)
with wandb.init(project="p", id="r", settings=fast()) as run:
    for i in range(5):
        run.log({"x": i})
with wandb.init(project="p", id="f", fork_from="r?_step=1", settings=fast()) as run:
    run.log({"x": "forked"})
fork = state("local/p/f")
assert metrics(fork["history"], "x", "_step") == [["forked", 2]], fork["history"]
rows = wandb.Api().run("local/p/f").history(pandas=False)
assert metrics(rows, "x") == [[0], [1], ["forked"]], rows

with wandb.init(project="p", id="r", resume_from="r?_step=2", settings=fast()) as run:
    run.log({"x": "again"})
found = state("local/p/r")
assert metrics(found["history"], "x", "_step") == [[0, 0], [1, 1], [2, 2], ["again", 3]], found["history"]
assert found["counters"]["conflicts"] == 0 and found["state"] == "finished"
try:
    wandb.init(project="p", id="none", resume_from="none?_step=1", settings=fast())
except wandb.errors.CommError as error:
    assert "run not found" in str(error), error
else:
    raise AssertionError("a missing run was rewound")
