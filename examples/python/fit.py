"""Fits a line by gradient descent and logs it with the official SDK.

Run it through Runwire: `WANDB_MODE=offline runwire exec -- python fit.py`, then look at the log it names:
`runwire inspect FILE.wandb`.
"""

import random

import wandb

SLOPE, OFFSET = 3.0, -1.0

random.seed(1)
points = [(x / 50, SLOPE * x / 50 + OFFSET + random.gauss(0, 0.05)) for x in range(50)]

with wandb.init(project="fit", id="fit", config={"rate": 0.4, "epochs": 30}) as run:
    a, b = 0.0, 0.0
    for epoch in range(run.config["epochs"]):
        errors = [(x, a * x + b - y) for x, y in points]
        loss = sum(error * error for _, error in errors) / len(points)
        run.log({"loss": loss, "slope": a, "offset": b})
        a -= run.config["rate"] * 2 * sum(error * x for x, error in errors) / len(points)
        b -= run.config["rate"] * 2 * sum(error for _, error in errors) / len(points)
    run.summary["true"] = {"slope": SLOPE, "offset": OFFSET}
    print(f"y = {a:.2f} x + {b:.2f}")
