"""Explicit steps: gaps, repeats, several calls for one step."""
import wandb

run = wandb.init(id="steps")
run.log({"a": 1}, step=3)
run.log({"b": 2}, step=3)
run.log({"a": 5}, step=3)
run.log({"a": 2}, step=10)
run.log({"c": 1}, step=10, commit=True)
run.log({"d": 1})
run.log({"a": 3}, step=1000000)
run.log({"e": 1}, step=1000001, commit=False)
print("step now", run.step)
run.finish()
