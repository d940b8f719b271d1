"""The same run id twice in one second: two folders, two logs."""
import time
import wandb

wandb.setup()
time.sleep(1 - time.time() % 1)
for number in range(2):
    run = wandb.init(id="again", resume="allow")
    run.log({"n": number})
    run.log({"n": number + 10})
    print("step", run.step)
    run.finish()
