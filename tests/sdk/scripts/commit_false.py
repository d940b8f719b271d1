"""Rows gathered over several calls; the last one is still open at the end."""
import wandb

run = wandb.init(id="commit")
for epoch in range(3):
    run.log({"loss": 1 / (epoch + 1)}, commit=False)
    run.log({"acc": epoch * 0.3}, commit=False)
    run.log({"loss": 9.5, "epoch": epoch})
run.log({"open": 1}, commit=False)
run.log({"open_too": 2}, commit=False)
run.finish()
