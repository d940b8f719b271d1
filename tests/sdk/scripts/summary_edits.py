"""The user's own summary: set, update, nested, overwrite, remove, then rows on top."""
import wandb

run = wandb.init(id="summary")
run.summary["best"] = 1
run.summary["best"] = {"loss": 0.5, "at": {"epoch": 3}}
run.summary["best"]["loss"] = 0.25
run.summary.update({"a": 1, "b": {"c": [1, 2]}})
run.log({"a": 2, "x": 1})
run.summary["a"] = "mine"
run.log({"a": 3})
del run.summary["b"]
run.summary["gone"] = 1
del run.summary["gone"]
run.summary["list"] = [1, {"k": None}]
run.summary["none"] = None
run.finish()
