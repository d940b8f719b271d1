"""History values written in both encodings."""
import wandb

run = wandb.init(id="encoding", settings=wandb.Settings(x_history_value_encoding="json,typed"))
run.log({"i": 1, "f": 0.5, "whole": 2.0, "t": "text", "b": True, "n": None, "l": [1, 2], "d": {"k": 1}})
run.log({"nan": float("nan"), "inf": float("inf"), "big": 2**70})
run.finish()
