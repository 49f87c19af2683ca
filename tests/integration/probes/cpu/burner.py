"""A program that is watched: it burns CPU time in known functions, three times as much in `heavy` as in `light`.

It prints "ready", and when it gets a line it forks a child that runs `in_child` and starts its threads: `burner` runs
Python, `reader` has the kernel make random bytes and zeros, and a crowd of further threads waits for ever. It ends with
its standard input.
"""

import os
import sys
import threading

CROWD = int(sys.argv[1])
STEPS = 20_000
RANDOM_BYTES = 100_000
ZERO_BYTES = 2_000_000  # the kernel makes them some twenty times as fast


def heavy() -> int:
    return sum(number * number for number in range(3 * STEPS))


def light() -> int:
    return sum(number * number for number in range(STEPS))


def burn() -> None:
    while True:
        heavy()
        light()


def read() -> None:
    random, random_buffer = os.open("/dev/urandom", os.O_RDONLY), bytearray(RANDOM_BYTES)
    zeros, zeros_buffer = os.open("/dev/zero", os.O_RDONLY), bytearray(ZERO_BYTES)
    while True:
        os.readv(random, [random_buffer])
        os.readv(zeros, [zeros_buffer])


def in_child() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(STEPS))
    os._exit(0)


def main() -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    if os.fork() == 0:
        in_child()
    for function, name in ((burn, "burner-7"), (read, "reader")):
        threading.Thread(target=function, name=name, daemon=True).start()
    for _ in range(CROWD):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("burning", flush=True)
    sys.stdin.read()


main()
