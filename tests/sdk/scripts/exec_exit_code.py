#: via exec
"""Through a sidecar that was started beforehand: the script's exit code comes out."""
import sys
import wandb

run = wandb.init(id="execcode")
run.log({"a": 1})
run.finish(exit_code=6)
sys.exit(6)
