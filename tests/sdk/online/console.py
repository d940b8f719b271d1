"""What is printed arrives as lines."""

import sys

from support import case, main, start


@case
def console_basic(name):
    with start(name, console="wrap"):
        print("first")
        print("second\nthird")
        print("no end", end="")


@case
def console_control(name):
    with start(name, console="wrap"):
        for i in range(5):
            print(f"\rprogress {i}/5", end="")
        print("\rdone        ")
        print("one\ntwo\nthree\x1b[A\x1b[A!\x1b[B\x1b[B?")
        print("\x1b[31mred\x1b[0m \x1b[2Kgone")


@case
def console_stderr(name):
    with start(name, console="wrap"):
        print("to out")
        print("to err", file=sys.stderr)
        print("out again")


@case
def console_label(name):
    with start(name, console="wrap", settings={"x_label": "rank 0"}) as run:
        print("labelled")
        run.log({"x": 1})


@case
def console_raw(name):
    with start(name, console="wrap_raw"):
        print("raw line")


@case
def console_unicode(name):
    with start(name, console="wrap"):
        print("漢字 🎈 <b>&amp;</b> \"quoted\" back\\slash")


@case
def console_many(name):
    with start(name, console="wrap") as run:
        for i in range(500):
            print("line", i)
        run.log({"x": 1})


@case
def write_logs(name):
    with start(name, console="wrap") as run:
        run.write_logs("custom\nline\n")


main()
