#: warnings
"""Two hundred refused rows: two hundred warnings."""
import time
import wandb

run = wandb.init(id="warn")
run.log({"a": 1}, step=1000)
for step in range(200):
    run.log({"a": step}, step=step)
time.sleep(1.0)
run.log({"b": 1})
run.finish()
