"""define_metric with summary="copy"."""
import wandb

run = wandb.init(id="metric")
run.define_metric("x", summary="copy")
run.define_metric("late.y", summary="copy")
for value in (3, 1, 2.5):
    run.log({"x": value, "plain": value, "late": {"y": -value}})
run.log({"x": "text"})
run.finish()
