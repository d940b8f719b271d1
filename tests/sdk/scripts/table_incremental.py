#: random_digests
"""A table that grows over several logs."""
import wandb

run = wandb.init(id="incr")
table = wandb.Table(columns=["step", "loss"], log_mode="INCREMENTAL")
for step in range(3):
    table.add_data(step, 1 / (step + 1))
    run.log({"growing": table})
mutable = wandb.Table(columns=["a"], log_mode="MUTABLE")
for step in range(2):
    mutable.add_data(step)
    run.log({"mutable": mutable})
run.finish()
