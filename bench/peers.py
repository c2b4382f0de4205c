#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sluice and other engines in turn, on the same weights and inputs; writes bench/results/<date>-<processor>.md and .svg.

  peers.py [--rows g96_*,dw64_256] [--peers torch,openvino] [--forms "whole channels_last"] [--isa avx2] [--threads 2] ...

Rows are those of bench/peer_rows.txt. Of a peer's forms whose outputs agree with Sluice's the fastest is taken, then turns follow
each other, A B A B: some runs of Sluice, as many of the peer. The ratio of a pair is that of its two medians. The machine may be
slow for a while: what a pair compares was measured within seconds, and the FMA peak with it. A pair in which either had less than
0.9 of its threads' processor time is discarded. Other parts of the report: cold, from the start of a process to a picture on disk
(bench/cold_start.py), and growth, with the size of the picture and the threads (bench/growth.py). `make bench-peers` makes the
environment.
"""
import argparse
import fnmatch
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cold_start  # noqa: E402
import growth  # noqa: E402
import peer_engines  # noqa: E402
import peer_machine  # noqa: E402
import peer_report  # noqa: E402
import peer_rows  # noqa: E402
import peer_state  # noqa: E402
import peer_turns  # noqa: E402


def choose(text, names):
    """The names that a list separated by commas asks for."""
    wanted = text.split(",")
    for one in wanted:
        if not any(fnmatch.fnmatchcase(name, one) for name in names):
            sys.exit(f"no '{one}' among {', '.join(names)}")
    return [name for name in names if any(fnmatch.fnmatchcase(name, one) for one in wanted)]


PARTS = ("rows", "cold", "growth")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=peer_rows.ROOT / "build/bin", help="folder of the benchmark programs")
    parser.add_argument("--rows", help="names or patterns, separated by commas; default: all but the optional ones")
    parser.add_argument("--parts", help=f"of {', '.join(PARTS)}, separated by commas; default: all, with --rows the rows alone")
    parser.add_argument("--peers", default=",".join(peer_engines.ENGINES))
    parser.add_argument("--forms", help="try only these forms of the peers, such as 'unfold contiguous'")
    parser.add_argument("--isa", choices=["avx2"], help="Sluice, and the peers that can be told, keep to these instructions")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=9, help="pairs that count")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn, about")
    parser.add_argument("--runs", type=int, default=50, help="of a turn, at most")
    parser.add_argument("--wait", type=float, default=20, help="seconds to wait for an idle processor before a turn")
    parser.add_argument("--state", type=pathlib.Path, help="keep what is measured in this file, and measure only what isn't there")
    parser.add_argument("--kept", action="store_true", help="measure no more rows: report what the state has")
    parser.add_argument("--output", type=pathlib.Path, help="the .md file; default: a new one in bench/results")
    return parser.parse_args()


def measure_row(row, peers, reasons, options, report):
    """Adds a comparison, or why there is none, for every peer, and Sluice alone where no peer is able. Returns whether all outputs agreed."""
    agreed = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        able = [peer for peer in peers if reasons[peer] is None]
        peer_turns.write_files(row, [peer_engines.ENGINES[peer] for peer in able], folder)
        sluice = peer_turns.Sluice(row, folder, options)
        if not able:
            report.add_alone(row, peer_turns.run_alone(sluice, options))
        for peer in peers:
            comparison, reason = None, reasons[peer]
            if reason is None:
                try:
                    comparison = peer_turns.compare(sluice, row, peer, folder, options)
                    report.state.keep(row.name, peer, comparison)
                except peer_turns.PeerFailed as failure:
                    reason, agreed = str(failure), False
            report.add(row, peer, comparison, reason)
            print(report.last_line(), flush=True)
    return agreed


def compare_row(row, peers, options, report):
    """Takes what the state has, measures the rest. Returns whether all outputs agreed."""
    missing = []
    for peer in peers:
        kept = report.state.find(row.name, peer)
        if kept:
            report.add(row, peer, kept, None)
        elif not options.kept:
            missing.append(peer)
    reasons = {peer: peer_engines.why_not(peer, row, options.isa) for peer in missing}
    if all(reasons.values()) and (options.kept or len(missing) < len(peers)):
        for peer in missing:
            report.add(row, peer, None, reasons[peer])
        return True
    return measure_row(row, missing, reasons, options, report)


def chosen_rows(options):
    rows = peer_rows.read_rows()
    if not options.rows:
        return [row for row in rows if "optional" not in row.keys]
    names = choose(options.rows, [row.name for row in rows])
    return [row for row in rows if row.name in names]


def measure_cold_start(peers, options, report):
    engines = [name for name in cold_start.PEERS if name.split(",")[0] in peers
               and (not options.isa or peer_engines.ENGINES[name.split(",")[0]].heeds_limits)]
    report.add_table("Cold start", *cold_start.measure(options, engines, peer_machine.wait_until_idle))


def measure_growth(options, report):
    for title, table in zip(("Larger pictures", "More threads"), growth.measure(options, peer_machine.wait_until_idle)):
        report.add_table(title, *table)


def main():
    options = parse()
    if options.isa:
        os.environ.update({"SLUICE_ISA": options.isa, **peer_engines.LIMITS[options.isa]})
    parts = choose(options.parts or ("rows" if options.rows else ",".join(PARTS)), PARTS)
    peers = choose(options.peers, list(peer_engines.ENGINES))
    report = peer_report.Report(options, peers, peer_state.State(options.state, options))
    agreed = [compare_row(row, peers, options, report) for row in chosen_rows(options)] if "rows" in parts else []
    if "cold" in parts:
        measure_cold_start(peers, options, report)
    if "growth" in parts:
        measure_growth(options, report)
    print(f"\nwritten: {report.path}")
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())
