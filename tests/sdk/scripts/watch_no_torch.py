"""watch() of something that is no model raises in the SDK; the run is not harmed."""
import wandb

run = wandb.init(id="watch")
try:
    run.watch(object())
except Exception as error:
    print(type(error).__name__)
run.log({"a": 1})
run.finish()
