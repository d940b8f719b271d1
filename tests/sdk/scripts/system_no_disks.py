#: env WANDB__DISABLE_STATS=
#: env WANDB_X_DISABLE_STATS=
#: env WANDB__DISABLE_META=
#: env WANDB_X_DISABLE_META=
#: env SLURM_JOB_ID=77
#: machine
"""Without paths of disks nothing is said about disks; a child that works is measured; facts of a batch system."""
import subprocess
import sys
import time

import wandb

settings = wandb.Settings(x_stats_sampling_interval=0.5, x_stats_disk_paths=[], x_stats_track_process_tree=True)
run = wandb.init(id="nodisks", settings=settings)
subprocess.run([sys.executable, "-c", "for _ in range(3_000_000): pass"], check=True)
run.log({"a": 1})
time.sleep(1.8)
run.finish()
