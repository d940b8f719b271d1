#: env WANDB_CONSOLE=off
"""A spawned process attaches to the run and logs."""
import multiprocessing
import wandb


def work(run):
    run.log({"child": 1})
    run.summary["child_step"] = run.step
    # The answer comes after all that was sent before it.
    run.step


if __name__ == "__main__":
    with wandb.init(id="spawn") as run:
        run.log({"parent": 1})
        print("step", run.step)
        process = multiprocessing.get_context("spawn").Process(target=work, args=(run,))
        process.start()
        process.join()
        print("child exit", process.exitcode)
        run.log({"parent": 2})
        print("step at the end", run.step)
