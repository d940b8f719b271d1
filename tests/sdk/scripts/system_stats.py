#: env WANDB__DISABLE_STATS=
#: env WANDB_X_DISABLE_STATS=
#: env WANDB__DISABLE_META=
#: env WANDB_X_DISABLE_META=
#: machine
"""System metrics at a short interval and the machine's description."""
import time
import wandb

run = wandb.init(id="stats", settings=wandb.Settings(x_stats_sampling_interval=0.5))
run.log({"a": 1})
time.sleep(1.8)
run.finish()
