"""An explicit value on a metric with statistics, and a removal in between."""
import wandb

run = wandb.init(id="override")
run.define_metric("m", summary="max")
run.define_metric("r", summary="first,max,mean")
run.log({"m": 5, "r": 5})
run.summary["m"] = 0
run.log({"m": 3, "r": 2})
del run.summary["r"]
run.log({"r": 1})
run.define_metric("quiet", summary="none")
run.summary["quiet"] = 7
run.log({"quiet": 8})
run.finish()
