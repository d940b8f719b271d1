"""Custom charts: a table and its chart definition in the config."""
import wandb

run = wandb.init(id="plots")
table = wandb.Table(columns=["x", "y"], data=[[i, i * i] for i in range(4)])
run.log({"line": wandb.plot.line(table, "x", "y", title="squares")})
run.log({"bars": wandb.plot.bar(table, "x", "y")})
run.finish()
