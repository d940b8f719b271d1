#: sampled
#: unordered
"""Four threads log to one run."""
import threading
import wandb

run = wandb.init(id="threads")


def work(who):
    for i in range(25):
        run.log({"who": who, f"metric_{who}": i})


workers = [threading.Thread(target=work, args=(who,)) for who in range(4)]
for each in workers:
    each.start()
for each in workers:
    each.join()
# Which thread came last is chance; this row is not.
run.log({"who": -1})
run.finish()
