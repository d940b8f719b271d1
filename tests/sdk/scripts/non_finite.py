"""NaN and the infinities, alone, nested and in lists; in the config and the summary too."""
import math
import wandb

run = wandb.init(id="nonfinite", config={"inf": math.inf, "minus": -math.inf, "nan": math.nan})
run.log({"x": math.nan, "y": math.inf, "z": -math.inf, "n": {"d": math.nan}, "l": [1.0, math.nan, math.inf]})
run.log({"x": 1.0, "y": 2.0, "z": 3.0})
run.summary["best"] = math.inf
run.summary["none"] = math.nan
run.finish()
