"""Steps that go back are refused with a warning."""
import time
import wandb

run = wandb.init(id="back")
run.log({"a": 1}, step=5)
run.log({"a": 2}, step=4)
run.log({"a": 3}, step=0, commit=True)
run.log({"a": 4}, step=6)
run.log({"a": 5}, step=-1)
run.log({"a": 6})
# The warnings come by themselves.
time.sleep(0.5)
run.finish()
