"""Definitions by glob, with a step metric and hidden ones; exact names win."""
import wandb

run = wandb.init(id="glob")
run.define_metric("epoch", hidden=True)
run.define_metric("val/*", step_metric="epoch", summary="max")
run.define_metric("val/exact", summary="min")
run.define_metric("train/*", step_metric="train/step")
for epoch in range(3):
    run.log({"epoch": epoch, "val/acc": epoch * 2, "val/exact": 5 - epoch, "train/loss": 3 - epoch, "train/step": epoch * 100})
run.log({"val/acc": 1})
run.finish()
