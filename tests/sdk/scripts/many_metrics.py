"""1500 metrics in each row."""
import wandb

run = wandb.init(id="wide")
for step in range(3):
    run.log({f"group{i % 7}/metric_{i:04d}": i * step / 3 for i in range(1500)})
run.finish()
