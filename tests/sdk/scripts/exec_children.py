#: via exec
"""Through a sidecar that was started beforehand: two scripts in turn share it."""
import subprocess
import sys

body = "import wandb; run = wandb.init(id='child{n}'); run.log({{'n': {n}}}); run.finish()"
for number in range(2):
    subprocess.run([sys.executable, "-c", body.format(n=number)], check=True)
