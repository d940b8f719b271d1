#: env WANDB_CONSOLE=off
"""Twelve runs open at the same time in one process."""
import wandb

runs = [wandb.init(id=f"many{number:02d}", reinit="create_new") for number in range(12)]
for step in range(4):
    for number, run in enumerate(runs):
        run.log({"x": step * number})
for run in runs:
    run.finish()
