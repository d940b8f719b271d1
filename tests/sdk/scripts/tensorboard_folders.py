#: files_race
"""Two folders without a root have one in common; files of other machines and times are not taken; subfolders are."""
import sys
import time
from pathlib import Path

import wandb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tfevents as tb

run = wandb.init(id="tbf")
root = Path("tb").resolve()
tb.append(tb.path_in(root / "x/t", "testhost"), tb.event(1, tb.scalar("a", 1.0)))
tb.append(tb.path_in(root / "x/t/sub", "testhost"), tb.event(2, tb.scalar("b", 2.0)))
tb.append(tb.path_in(root / "x/t", "testhost2", seconds=9999999998), tb.event(3, tb.scalar("c", 3.0)))
tb.append(tb.path_in(root / "x/t", "other"), tb.event(4, tb.scalar("d", 4.0)))
tb.append(tb.path_in(root / "x/t", "testhost", seconds=1600000000), tb.event(5, tb.scalar("e", 5.0)))
tb.append(tb.path_in(root / "x/t", "testhost", end=".profile-empty"), tb.event(6, tb.scalar("f", 6.0)))
tb.append(root / "x/t/other.9999999999.testhost", tb.event(7, tb.scalar("g", 7.0)))
run._tensorboard_callback(str(root / "x/t"), save=True)
time.sleep(1)
run._tensorboard_callback(str(root / "x/u"), save=True)
time.sleep(1)
tb.append(tb.path_in(root / "x/u", "testhost"), tb.event(8, tb.scalar("h", 8.0)))
run.finish()
