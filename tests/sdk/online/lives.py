#: racing_runs
"""Lives of runs: several, parallel, resumed, forked, rewound, shared."""

import sys
import threading

import wandb
from support import again, ask, case, main, requests, start, state


@case
def in_a_row(name):
    for number in range(3):
        with start(f"{name}_{number}") as run:
            run.log({"number": number})


@case
def reinit(name):
    first = start(f"{name}_1")
    first.log({"x": 1})
    second = start(f"{name}_2", reinit="finish_previous")
    second.log({"x": 2})
    second.finish()


@case
def at_once(name):
    runs = [start(f"{name}_{number}", reinit="create_new") for number in range(3)]
    for step in range(5):
        for number, run in enumerate(runs):
            run.log({"x": 10 * number + step})
    for number, run in enumerate(runs):
        run.finish(exit_code=number)


@case
def threads(name):
    with start(name) as run:
        def work(number):
            for i in range(50):
                run.log({f"thread{number}": i})
        workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


@case
def finish_exit_code(name):
    run = start(name)
    run.log({"x": 1})
    run.finish(exit_code=7)


@case
def resume(name):
    with start(name, config={"a": 1}, tags=["t"], notes="n", console="wrap") as run:
        print("first life")
        for i in range(3):
            run.log({"x": i})
    for how in ("must", "allow"):
        with start(name, name=None, resume=how, config={"b": how}, console="wrap") as run:
            print(how, run.resumed, run.starting_step, run.summary.get("x"), run.config.get("a"), run.tags, run.notes)
            run.log({"x": how})


@case
def resume_new(name):
    for how in ("allow", "never"):
        with start(f"{name}_{how}", resume=how) as run:
            print(how, run.resumed)
            run.log({"x": 1})


@case
def resume_refused(name):
    with start(name) as run:
        run.log({"x": 1})
    before = len(requests("graphql:UpsertBucket"))
    for which, how in ((name, "never"), (f"{name}_none", "must")):
        try:
            start(which, resume=how)
        except wandb.errors.UsageError as error:
            print(how, str(error).split(",")[0])
    print("no upsert:", len(requests("graphql:UpsertBucket")) == before)


@case
def resume_auto(name):
    print(again("auto_1"), again("auto_2"))


@case
def fork(name):
    with start(f"{name}_base") as run:
        for i in range(5):
            run.log({"x": i})
    with start(name, fork_from=f"{name}_base?_step=1", config={"child": True}) as run:
        print(run.starting_step)
        run.log({"x": "forked"})


@case
def rewind(name):
    with start(name, config={"a": 1}) as run:
        for i in range(5):
            run.log({"x": i})
    with start(name, name=None, resume_from=f"{name}?_step=2") as run:
        print(run.starting_step)
        run.log({"x": "again"})
    try:
        start(f"{name}_none", resume_from=f"{name}_none?_step=1")
    except wandb.errors.CommError as error:
        print(error)


@case
def shared(name):
    with start(name, settings={"mode": "shared", "x_label": "main"}, console="wrap") as run:
        run.log({"main": 1})
        print("worker ended with", again("worker"))
        run.log({"main": 2})


@case
def not_primary(name):
    with start(name, settings={"mode": "shared", "x_primary": False, "x_label": "rank1"}, console="wrap") as run:
        print("from a worker")
        run.log({"x": 1})


@case
def no_finish_state(name):
    with start(name, settings={"x_update_finish_state": False}) as run:
        run.log({"x": 1})


@case
def preempting(name):
    run = start(name)
    run.log({"x": 1})
    run.mark_preempting()
    run.finish(exit_code=1)


@case
def interval(name):
    with start(name, settings={"x_file_stream_transmit_interval": 2}) as run:
        for i in range(3):
            run.log({"x": i})


if sys.argv[1:] == ["worker"]:
    how = {"mode": "shared", "x_primary": False, "x_update_finish_state": False, "x_label": "worker"}
    with start("shared", name=None, settings=how, console="wrap") as run:
        run.log({"worker": 1})
        print("from the worker")
elif sys.argv[1:2] in (["auto_1"], ["auto_2"]):
    with start("resume_auto", id=None if sys.argv[1] == "auto_2" else "resume_auto", name=None, resume="auto") as run:
        print(run.resumed, run.id)
        run.log({"x": sys.argv[1]})
        if sys.argv[1] == "auto_1":
            run.finish(exit_code=1)
else:
    main()
