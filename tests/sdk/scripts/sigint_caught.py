"""Ctrl-C is caught and the run finished properly."""
import os
import signal
import time
import wandb

run = wandb.init(id="caught")
try:
    run.log({"a": 1})
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    run.summary["interrupted"] = True
run.finish(exit_code=130)
