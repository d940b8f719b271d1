"""Several summaries for one metric, added one by one, then some of the values are not numbers."""
import math
import wandb

run = wandb.init(id="metricall")
run.define_metric("x", summary="min,max,mean,last,first")
run.define_metric("later", summary="min")
for value in (3, 1, 2):
    run.log({"x": value, "later": value, "strings": str(value), "poison": value})
run.define_metric("later", summary="max")
run.define_metric("strings", summary="min,mean")
run.define_metric("poison", summary="min,max,mean")
run.log({"x": math.nan, "later": 7, "poison": math.inf, "strings": "4"})
run.log({"poison": math.nan, "flag": True})
run.define_metric("flag", summary="max")
run.log({"flag": False})
run.finish()
