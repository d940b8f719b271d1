#: via exec
"""Through a sidecar that was started beforehand: the run is left open and the sidecar finishes it."""
import wandb

run = wandb.init(id="execopen")
run.log({"a": 1})
run.log({"open": 1}, commit=False)
