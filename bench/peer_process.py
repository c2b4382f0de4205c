#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One peer on one row, in a process of its own, which bench/peers.py talks to.

  peer_process.py PEER ROW FORM FOLDER THREADS

Prepares, warms up, writes the outputs to FOLDER/peer.safetensors, answers a line of JSON. Then every line on standard input
is a number of runs to time, answered by a list of [seconds, processor seconds].
"""
import json
import os
import pathlib
import sys
import time

WARM_UPS = 3


def timed_runs(engine, count):
    """Seconds and processor seconds, of all threads, of each."""
    samples = []
    for _ in range(count):
        used, start = time.process_time(), time.perf_counter()
        engine.run()
        samples.append([time.perf_counter() - start, time.process_time() - used])
    return samples


def prepare(peer, row, form, folder, threads):
    """The engine, warm, its outputs written, and what to answer."""
    import numpy  # noqa: F401
    import peer_engines
    import peer_machine
    from safetensors.numpy import save_file
    engine = peer_engines.ENGINES[peer]()
    engine.load()
    imported = peer_machine.peak_memory_mb()
    start = time.perf_counter()
    engine.prepare(row, form, folder, threads)
    result = engine.run()
    ready = time.perf_counter() - start
    for _ in range(WARM_UPS - 1):
        engine.run()
    answer = {"imported_mb": imported, "peak_mb": peer_machine.peak_memory_mb(), "ready_s": ready}
    save_file({name: numpy.ascontiguousarray(value) for name, value in engine.arrays(result).items()}, folder / "peer.safetensors")
    return engine, answer


def main():
    peer, name, form, folder, threads = sys.argv[1:]
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = threads
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    import peer_machine
    import peer_rows
    answers, sys.stdout = sys.stdout, sys.stderr  # what engines print is not an answer
    engine, answer = prepare(peer, peer_rows.find_row(name), form, pathlib.Path(folder), int(threads))
    print(json.dumps(answer), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(timed_runs(engine, int(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
