"""Name, notes, tags, group and job type, at init and later."""
import wandb

run = wandb.init(id="edits", name="first", notes="n1", tags=["a", "b"], group="g", job_type="j", entity="ent")
run.name = "second"
run.notes = "n2\nmore"
run.tags += ("c",)
run.log({"a": 1})
run.tags = ("only",)
print(run.name, run.notes, run.tags, run.group, run.job_type, run.entity, run.project)
run.finish()
