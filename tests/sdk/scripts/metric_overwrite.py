"""Definitions merge unless overwrite is asked for."""
import wandb

run = wandb.init(id="overwrite")
run.define_metric("x", summary="max", step_metric="epoch")
run.define_metric("x", summary="min")
run.log({"x": 3, "epoch": 1})
run.log({"x": 5})
run.define_metric("x", summary="last", overwrite=True)
run.log({"x": 4})
run.log({"x": 6, "epoch": 2})
run.define_metric("hid", hidden=True)
run.log({"hid": 1})
run.finish()
