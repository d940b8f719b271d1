"""A table is a file and an artifact."""
import wandb

run = wandb.init(id="table")
table = wandb.Table(columns=["x", "name", "ok"], data=[[1, "a", True], [2.5, "b", None]])
table.add_data(3, "ünï", False)
run.log({"tab": table})
run.log({"after": 1})
run.finish()
