"""Timestamps and internal keys given by the user."""
import wandb

run = wandb.init(id="internal")
run.log({"_timestamp": 7.5, "a": 1})
run.log({"_step": 99, "a": 2})
run.log({"_runtime": 5, "a": 3})
run.log({"_custom": 1, "a": 4})
run.finish()
