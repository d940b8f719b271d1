"""Implicit steps first, then explicit ones: equal, ahead, behind."""
import time
import wandb

run = wandb.init(id="mixed")
run.log({"a": 1})
run.log({"a": 2})
run.log({"b": 1}, step=2)
run.log({"b": 2}, step=7)
run.log({"c": 1})
run.log({"c": 2})
run.log({"late": 1}, step=7)
run.log({}, step=20)
run.log({"after_empty": 1})
# The warning comes by itself.
time.sleep(0.5)
run.finish()
