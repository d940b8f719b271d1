#: env WANDB_CONSOLE=off
#: racing_runs
"""Forked workers with runs of their own through the parent's sidecar."""
import multiprocessing
import wandb


def work(number):
    run = wandb.init(id=f"worker{number}", group="pool")
    run.log({"number": number})
    run.finish()


if __name__ == "__main__":
    wandb.setup()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(number,)) for number in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    print("exits", [each.exitcode for each in workers])
