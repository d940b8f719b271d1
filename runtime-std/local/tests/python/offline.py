"""An offline run and its sync."""

import glob
import subprocess
import sys

import wandb
from helper import FAST, metrics, state

with wandb.init(project="p", id="off", mode="offline", config={"a": 1}, settings=wandb.Settings(**FAST)) as run:
    for i in range(20):
        run.log({"x": i})
    print("a line")
folder = glob.glob("wandb/offline-run-*")[0]
subprocess.run([sys.executable, "-m", "wandb", "sync", folder], check=True, stdout=subprocess.DEVNULL)
found = state("local/p/off")
assert metrics(found["history"], "x") == [[i] for i in range(20)], (found["history"], found["counters"])
assert found["state"] == "finished" and found["counters"]["conflicts"] == found["counters"]["gaps"] == 0, found
assert found["config"]["a"] == {"value": 1} and found["files"]["wandb-summary.json"]["uploaded"]
