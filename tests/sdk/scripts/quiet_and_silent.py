"""silent: no footer and no banner at all; quiet: fewer lines."""
import wandb

run = wandb.init(id="silent", settings=wandb.Settings(silent=True))
run.log({"a": 1})
run.finish()
run = wandb.init(id="quiet", settings=wandb.Settings(quiet=True, silent=False))
run.log({"a": 1})
run.finish()
wandb.init(id="left", settings=wandb.Settings(silent=True)).log({"a": 1})
