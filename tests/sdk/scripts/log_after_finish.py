"""Logging after finish is an error of the SDK; the log stays as it was."""
import wandb

run = wandb.init(id="after")
run.log({"a": 1})
run.finish()
for action in (lambda: run.log({"a": 2}), lambda: run.summary.update({"x": 1}), lambda: run.define_metric("m")):
    try:
        action()
        print("no error")
    except Exception as error:
        print(type(error).__name__, error)
try:
    wandb.log({"b": 1})
except Exception as error:
    print(type(error).__name__, error)
