"""Metric names that look like other things: dots, slashes, stars, numbers, spaces, quotes, underscores."""
import wandb

run = wandb.init(id="names")
run.define_metric("dot\\.k", summary="max")
run.define_metric("n.k", summary="min")
for step in range(2):
    run.log({"dot.k": step, "n": {"k": step}, "n.k": -step, "a/b/c": step, "*": step, "1": step, " space ": step, 'q"uote': step})
run.log({"_wandb": {"x": 1}, "_private": 2, "null": None, "true": True, "with\nnewline": 3})
run.finish()
