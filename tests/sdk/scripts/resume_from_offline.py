"""resume_from (rewind) offline."""
import wandb

run = wandb.init(resume_from="rewound?_step=7")
print("step", run.step, run.id)
run.log({"a": 1})
run.finish()
