#: env WANDB_CONSOLE=redirect
#: console_text
"""Console capture of the file descriptors: what children and C code write is seen too."""
import os
import subprocess
import time
import wandb

run = wandb.init(id="redirect")
print("python line", flush=True)
time.sleep(0.3)
os.write(1, b"straight to the descriptor\n")
time.sleep(0.3)
subprocess.run(["echo", "from a child"], check=True)
time.sleep(0.3)
run.finish()
