"""The config: at init, by key, by update, nested, defaults, from a second source."""
import wandb

run = wandb.init(id="config", config={"lr": 0.1, "net": {"depth": 3, "act": "relu"}, "tags": ["x", "y"]})
run.config["lr"] = 0.2
run.config.update({"net": {"depth": 5}, "new": None})
run.config.update({"lr": 0.3}, allow_val_change=True)
run.config.setdefaults({"lr": 9, "seed": 7})
run.config.attr = "by attribute"
run.config.update({"tuple": [1, (2, 3)]}, allow_val_change=True)
run.log({"a": 1})
run.config["late"] = {"deep": {"er": [True, None, 1.5]}}
run.finish()
