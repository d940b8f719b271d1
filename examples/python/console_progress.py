"""A progress bar and coloured lines: the run's output.log shows each line as the terminal did at the end.

Run it through Runwire: `WANDB_MODE=offline runwire exec -- python console_progress.py`.
"""

import sys
import time

import wandb

WIDTH = 30

with wandb.init(project="console", id="console") as run:
    for epoch in range(2):
        for done in range(WIDTH + 1):
            bar = "#" * done + "." * (WIDTH - done)
            sys.stdout.write(f"\repoch {epoch} [{bar}] {100 * done // WIDTH:3d} %")
            sys.stdout.flush()
            time.sleep(0.005)
        print()
        run.log({"epoch": epoch})
    print("\x1b[32mall done\x1b[0m")
    print("a word to stderr", file=sys.stderr)
