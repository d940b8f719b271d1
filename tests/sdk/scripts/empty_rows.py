"""Rows without metrics still take a step."""
import wandb

run = wandb.init(id="zero")
run.log({})
run.log({}, commit=True)
run.log({"a": 1})
run.log({}, commit=False)
run.log({"b": 1})
run.log({"": 1, "c": 1})
run.finish()
