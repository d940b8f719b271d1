"""define_metric with summary="mean"."""
import wandb

run = wandb.init(id="metric")
run.define_metric("x", summary="mean")
run.define_metric("late.y", summary="mean")
for value in (3, 1, 2.5):
    run.log({"x": value, "plain": value, "late": {"y": -value}})
run.log({"x": "text"})
run.finish()
