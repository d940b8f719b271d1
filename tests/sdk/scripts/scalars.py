"""The plainest run: ints, floats, extreme values."""
import wandb

run = wandb.init(id="scalars", config={"lr": 1e-3, "layers": 3})
for step in range(10):
    run.log({"i": step, "f": step / 7, "big": 2**53 + step, "tiny": 5e-324, "huge": 1e22, "minus_zero": -0.0})
run.log({"int64": 2**63 - 1, "int64_min": -(2**63), "beyond": 2**70, "whole": 3.0})
run.finish()
