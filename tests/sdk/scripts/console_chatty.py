#: sampled
"""2000 prints between rows."""
import wandb

run = wandb.init(id="chatty")
for step in range(2000):
    print("line", step)
    if step % 10 == 0:
        run.log({"step10": step})
run.finish()
