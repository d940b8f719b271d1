"""define_metric with summary="max"."""
import wandb

run = wandb.init(id="metric")
run.define_metric("x", summary="max")
run.define_metric("late.y", summary="max")
for value in (3, 1, 2.5):
    run.log({"x": value, "plain": value, "late": {"y": -value}})
run.log({"x": "text"})
run.finish()
