#: env WANDB_CONSOLE=off
"""No console capture."""
import wandb

run = wandb.init(id="off")
print("not captured")
run.log({"a": 1})
run.finish()
