"""fork_from offline: steps start after the branch point."""
import time
import wandb

run = wandb.init(id="forked", fork_from="parent?_step=41")
print("step", run.step)
run.log({"a": 1})
run.log({"a": 2})
run.log({"low": 1}, step=5)
# The warning comes by itself.
time.sleep(0.5)
run.finish()
