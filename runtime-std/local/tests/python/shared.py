"""Two processes write one run."""

import os
import subprocess
import sys

import wandb
from helper import FAST, state

if len(sys.argv) > 1:
    with wandb.init(project="p", id="s", settings=wandb.Settings(
            mode="shared", x_primary=False, x_update_finish_state=False, x_label="worker", **FAST)) as run:
        run.log({"worker": 1})
        print("from the worker")
    sys.exit()

with wandb.init(project="p", id="s", settings=wandb.Settings(mode="shared", x_label="main", **FAST)) as run:
    run.log({"main": 1})
    # Without what would make it use this process's sidecar, which has the run already.
    env = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    subprocess.run([sys.executable, __file__, "worker"], check=True, env=env)
    run.log({"main": 2})
    print("from the main process")
found = state("local/p/s")
assert len(found["writers"]) == 2 and all(found["writers"]), found["writers"].keys()
rows = found["history"]
assert [row["main"] for row in rows if "main" in row] == [1, 2] and [row["worker"] for row in rows if "worker" in row] == [1]
assert found["counters"]["conflicts"] == 0 and found["state"] == "finished"
assert found["summary"]["main"] == 2 and found["summary"]["worker"] == 1, found["summary"]
assert any("from the worker" in line for line in found["console"]) and "output_worker.log" in found["files"]
