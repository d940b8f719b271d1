"""define_metric with summary="min"."""
import wandb

run = wandb.init(id="metric")
run.define_metric("x", summary="min")
run.define_metric("late.y", summary="min")
for value in (3, 1, 2.5):
    run.log({"x": value, "plain": value, "late": {"y": -value}})
run.log({"x": "text"})
run.finish()
