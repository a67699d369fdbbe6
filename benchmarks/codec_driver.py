"""One build's codecs, called as standard input says: for check.py (clock) and callgrind.py (instructions).

    python codec_driver.py WORKS serve       answers each name on the standard input with the seconds of a call
    python codec_driver.py WORKS callgrind LIBRARY    counts the second call of each work (under valgrind only)

WORKS is a pickle of {name: (direction, data, keyword, arguments)}. Nothing but `decode_frame` and `encode_frame` of the
package is used, so that the driver drives other commits, too; which build is a matter of PYTHONPATH.
"""

import ctypes
import pickle
import sys
import time

import numpy  # noqa: F401 - before the clock runs

import dcmturbo as dt


def call(work):
    direction, data, keyword, arguments = work
    if direction == "decode":
        return dt.decode_frame(data, keyword, raw=True, threads=1, **arguments)
    return dt.encode_frame(data, keyword, threads=1, **arguments)


def main():
    with open(sys.argv[1], "rb") as file:
        works = pickle.load(file)
    if sys.argv[2] == "callgrind":
        requests = ctypes.CDLL(sys.argv[3])
        for name, work in works.items():
            call(work)
            requests.begin()
            call(work)
            requests.end(name.encode())
        return
    print(dt.__file__, flush=True)
    for line in sys.stdin:
        work = works[line.rstrip("\n")]
        begin = time.perf_counter()
        answer = call(work)
        taken = time.perf_counter() - begin
        del answer
        print(taken, flush=True)


main()
