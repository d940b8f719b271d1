"""Rows: what is logged arrives, whatever it is."""

import math

from support import case, main, start


@case
def scalars(name):
    with start(name, config={"lr": 0.1}) as run:
        for i in range(10):
            run.log({"loss": 1 / (i + 1), "epoch": i, "good": i % 2 == 0, "text": f"step {i}"})


@case
def empty_run(name):
    start(name).finish()


@case
def empty_rows(name):
    with start(name) as run:
        run.log({})
        run.log({"x": 1})
        run.log({})


@case
def steps_explicit(name):
    with start(name) as run:
        run.log({"x": 1}, step=5)
        run.log({"y": 2}, step=5)
        run.log({"x": 3}, step=9)
        run.log({"x": 4})


@case
def steps_backward(name):
    with start(name) as run:
        run.log({"x": 1}, step=5)
        run.log({"x": 2}, step=3)
        run.log({"x": 3}, step=6)


@case
def commit_false(name):
    with start(name) as run:
        run.log({"a": 1}, commit=False)
        run.log({"b": 2})
        run.log({"c": 3}, commit=False)


@case
def nested(name):
    with start(name) as run:
        run.log({"train": {"loss": 1, "deep": {"acc": 0.5}}})
        run.log({"train": {"loss": 2}, "train.loss": 7, "a/b": 3})


@case
def non_finite(name):
    with start(name) as run:
        run.log({"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "x": 1})
        run.log({"nan": 1.0, "x": math.nan})


@case
def unicode(name):
    with start(name, notes="größer 漢字 🎈", tags=["ä", "漢"]) as run:
        run.log({"ключ": "значение", "emoji 🎈": 1, "quote\"d": "a\\b\n\t\u2028</script>"})


@case
def numbers(name):
    with start(name) as run:
        run.log({"big": 2**70, "negative": -0.0, "tiny": 5e-324, "huge": 1.7e308, "int": 2**53 + 1, "third": 1 / 3})


@case
def many_metrics(name):
    with start(name) as run:
        for i in range(3):
            run.log({f"group{n % 10}/metric{n}": n * i for n in range(1500)})


@case
def many_steps(name):
    with start(name) as run:
        for i in range(3000):
            run.log({"x": i})


@case
def big_row(name):
    with start(name) as run:
        run.log({"text": "x" * 200_000, "n": 1})
        run.log({"n": 2})


@case
def lists_and_none(name):
    with start(name) as run:
        run.log({"list": [1, 2, 3], "none": None, "dict": {}, "tuple": (1, "a")})


main()
