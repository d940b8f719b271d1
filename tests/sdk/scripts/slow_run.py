"""Rows spread over two seconds: run time and summary move with them."""
import time
import wandb

run = wandb.init(id="slow")
for step in range(6):
    run.log({"a": step})
    run.summary["seen"] = step
    time.sleep(0.35)
run.finish()
