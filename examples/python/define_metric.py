"""Two clocks in one run: batches for training, epochs for validation, and the best value of each kept in the summary.

Run it through Runwire: `WANDB_MODE=offline runwire exec -- python define_metric.py`.
"""

import math

import wandb

EPOCHS, BATCHES = 3, 8

with wandb.init(project="metrics", id="metrics") as run:
    run.define_metric("epoch", hidden=True)
    run.define_metric("val/*", step_metric="epoch")
    run.define_metric("val/accuracy", step_metric="epoch", summary="max")
    run.define_metric("train/loss", summary="min,last")
    for epoch in range(EPOCHS):
        for batch in range(BATCHES):
            done = epoch + batch / BATCHES
            run.log({"train/loss": math.exp(-done) + 0.1 * math.sin(9 * done)})
        run.log({"epoch": epoch, "val/accuracy": 1 - math.exp(-1 - epoch), "val/loss": math.exp(-1 - epoch)})
    print("best accuracy", round(run.summary["val/accuracy"]["max"], 3))
