"""sys.exit(5) without finish: the run is finished with this code."""
import sys
import wandb

run = wandb.init(id="exit5")
run.log({"a": 1})
run.log({"open": 1}, commit=False)
sys.exit(5)
