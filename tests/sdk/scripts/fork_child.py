"""A forked child logs to the run of its parent."""
import os
import wandb

run = wandb.init(id="fork")
run.log({"parent": 1})
print("step", run.step, flush=True)
child = os.fork()
if child == 0:
    run.log({"child": 1})
    run.summary["from_child"] = run.step
    # The answer comes after all that was sent before it.
    run.step
    os._exit(0)
os.waitpid(child, 0)
run.log({"parent": 2})
print("step at the end", run.step)
run.finish()
