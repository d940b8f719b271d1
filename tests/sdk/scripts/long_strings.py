"""Strings longer than several blocks of the log."""
import wandb

run = wandb.init(id="long")
for size in (32_600, 32_768, 70_000, 200_000):
    run.log({"text": "x" * size, "size": size})
run.log({"escaped": "\"\\\n" * 30_000})
run.summary["text"] = "short again"
run.finish()
