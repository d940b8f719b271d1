#: files_race
"""Histograms of both kinds, and one with more bins than are kept."""
import struct
import sys
import time
from pathlib import Path

import wandb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tfevents as tb


def rows(*numbers, shape):
    return tb.tensor("rows", 2, tb.block(4, struct.pack(f"<{len(numbers)}d", *numbers)), "histograms", shape)


run = wandb.init(id="tbh")
root = Path("tb").resolve()
many = [float(edge + 1) for edge in range(1024)]
tb.append(
    tb.path_in(root, "testhost"),
    tb.event(0, tb.histogram("h", 0.5, [1.0, 2.0, 3.0], [1.0, 2.0, 1.0])),
    tb.event(1, tb.histogram("wide", -1.0, [0.0, 1.0, 1.7976931348623157e308], [1.0, 2.0, 0.0])),
    tb.event(2, tb.histogram("uneven", 0.0, [1.0, 2.0], [1.0]), tb.histogram("none", 0.0, [], [])),
    tb.event(3, rows(0, 1, 5, 1.5, 2, 7, shape=[2, 3])),
    tb.event(4, rows(0, 1, 5, 6, shape=[2, 2])),
    tb.event(5, tb.histogram("many", 0.0, many, [1.0] * 1024)),
    tb.event(6, tb.scalar("h", 1.0)),
)
run._tensorboard_callback(str(root), save=False, root_logdir=str(root))
time.sleep(1)
run.finish()
