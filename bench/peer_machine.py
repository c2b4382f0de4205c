# SPDX-License-Identifier: Apache-2.0
"""What the operating system says: moments in which nobody else uses the processor, memory of this process, the processor's
name."""
import os
import re
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


def memory_gb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def peak_memory_mb():
    """Of this process alone: getrusage would give the size of the parent that forked it where that is larger."""
    with open("/proc/self/status", encoding="ascii") as stream:
        return float(re.search(r"VmHWM:\s*(\d+)", stream.read())[1]) * 1024 / 1e6


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        name = re.search(r"model name\s*: (.*)", stream.read())
    return name[1].strip() if name else "unknown"


def processor_family():
    """Virtual processors often hide their name, not their family."""
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        text = stream.read()
    found = {key: re.search(rf"^{key}\s*: (.*)", text, re.M) for key in ("cpu family", "model")}
    return ", ".join(f"{key.split()[-1]} {match[1]}" for key, match in found.items() if match)


def processor_flags():
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        flags = re.search(r"^flags\s*: (.*)", stream.read(), re.M)
    return set(flags[1].split()) if flags else set()
