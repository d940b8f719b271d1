"""Alerts of each level."""
import datetime
import wandb

run = wandb.init(id="alert")
run.alert("plain", "text")
run.alert(title="warn", text="two\nlines", level=wandb.AlertLevel.WARN, wait_duration=60)
run.alert(title="error", text="ü", level="ERROR", wait_duration=datetime.timedelta(minutes=5))
run.finish()
