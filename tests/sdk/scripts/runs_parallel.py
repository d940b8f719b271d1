#: env WANDB_CONSOLE=off
"""Two runs open at the same time, their rows interleaved."""
import wandb

first = wandb.init(id="first", reinit="create_new")
second = wandb.init(id="second", reinit="create_new")
for step in range(5):
    first.log({"x": step})
    second.log({"y": -step}, step=step * 10)
first.summary["who"] = "first"
second.finish()
first.log({"x": 99})
first.finish()
