"""Lines written to the run's log by hand."""
import wandb

run = wandb.init(id="writelogs")
print("printed")
run.write_logs("custom\nline\n")
run.write_logs("no newline")
run.write_logs("")
run.write_logs("ünï\r\ncrlf\n")
print("printed again")
run.finish()
