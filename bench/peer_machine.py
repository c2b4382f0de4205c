# SPDX-License-Identifier: Apache-2.0
"""Waits for a moment in which nobody else uses the processor, before something is timed."""
import time

IDLE = 0.95
LOOK_SECONDS = 0.3


def processor_times():
    """Idle and total ticks of all processors so far."""
    with open("/proc/stat", encoding="ascii") as stream:
        ticks = list(map(int, stream.readline().split()[1:9]))
    return ticks[3] + ticks[4], sum(ticks)


def wait_until_idle(limit_seconds):
    """Returns whether there was such a moment; gives up after `limit_seconds`."""
    end = time.monotonic() + limit_seconds
    while True:
        idle, total = processor_times()
        time.sleep(LOOK_SECONDS)
        idle_after, total_after = processor_times()
        if idle_after - idle >= IDLE * (total_after - total):
            return True
        if time.monotonic() > end:
            return False
