"""An uncaught exception ends the script."""
import wandb

run = wandb.init(id="raise")
run.log({"a": 1})
raise ValueError("something broke ü")
