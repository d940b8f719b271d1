"""define_metric with summary="none"."""
import wandb

run = wandb.init(id="metric")
run.define_metric("x", summary="none")
run.define_metric("late.y", summary="none")
for value in (3, 1, 2.5):
    run.log({"x": value, "plain": value, "late": {"y": -value}})
run.log({"x": "text"})
run.finish()
