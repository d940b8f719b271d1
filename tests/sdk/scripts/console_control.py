"""Carriage returns, cursor moves and colours, as progress bars write them."""
import sys
import time
import wandb

run = wandb.init(id="control")
for i in range(0, 101, 10):
    sys.stdout.write(f"\rprogress {i:3d}%")
    sys.stdout.flush()
print()
print("\x1b[31mred\x1b[0m and \x1b[2Kcleared")
print("l1\nl2\nl3 \x1b[A\x1b[AX\x1b[B\x1b[BY")
print("a\rb")
print("tab\there back\bspace bell\a")
for i in range(60):
    print("row", i)
print("\x1b[A" * 50 + "TOP")
print("end\r\n", end="")
time.sleep(0.1)
run.finish()
