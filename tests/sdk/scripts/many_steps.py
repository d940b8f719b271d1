#: sampled
"""5000 rows as fast as they go: the log crosses many blocks and nothing is lost or swapped."""
import wandb

run = wandb.init(id="tall")
for step in range(5000):
    run.log({"loss": 1 / (step + 1), "step2": step * 2})
run.finish()
