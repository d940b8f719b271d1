#: env WANDB_CONSOLE=off
#: racing_runs
"""Two runs are left open at the end of the script."""
import wandb

first = wandb.init(id="first", reinit="create_new")
second = wandb.init(id="second", reinit="create_new")
first.log({"a": 1})
second.log({"b": 1}, commit=False)
