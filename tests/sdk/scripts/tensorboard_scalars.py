#: files_race
"""Event files of a watched folder become rows; what can't is left out; the file is saved at the end."""
import math
import struct
import sys
import time
from pathlib import Path

import wandb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tfevents as tb

run = wandb.init(id="tb")
root = Path("tb").resolve()
path = tb.path_in(root / "train", "testhost")
tb.append(
    path,
    tb.version(),
    tb.event(1, tb.scalar("loss", 0.5), tb.scalar("acc", 0.25)),
    tb.event(2, tb.scalar("loss", 0.4)),
    tb.event(2, tb.scalar("loss", math.nan), tb.tensor("tens", 1, tb.block(4, struct.pack("<f", 3.0)))),
    tb.event(3, tb.tensor("double", 2, tb.double(6, 1.1)), tb.tensor("int", 3, tb.number(7, 7))),
    tb.event(3, tb.tensor("long", 9, tb.number(10, -7)), tb.tensor("half", 19, tb.number(13, 0x3C00))),
    tb.event(3, tb.tensor("text", 7, tb.block(8, b"hello"), plugin="text"), tb.scalar("tiny", 1e-9)),
    tb.event(4, tb.tensor("two", 1, tb.block(4, struct.pack("<2f", 1, 2)), shape=[2])),
    tb.event(5, tb.scalar("a.b/c", 1e30), tb.scalar("infinite", -math.inf)),
    tb.event(-1, tb.scalar("before", 1.0)),
    tb.event(2, tb.scalar("back", 16777217.0)),
    tb.event(6, tb.scalar("dup", 1.0), tb.scalar("dup", 2.0)),
    tb.event(7, tb.value("odd", tb.single(2, 1.0), plugin="odd"), tb.scalar("", 1.0), tb.scalar("last", 0.1)),
)
run._tensorboard_callback(str(root / "train"), save=True, root_logdir=str(root))
time.sleep(1.5)
run.log({"mine": 1})
run.finish()
