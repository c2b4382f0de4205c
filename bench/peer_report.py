# SPDX-License-Identifier: Apache-2.0
"""The comparisons as a file of bench/results: a table of ratios, one of everything measured, a figure of shares of the peak.
Written again after every comparison: what was measured stays when the rest is stopped."""
import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import statistics

import peer_engines
import peer_figure
import peer_machine
import peer_rows

DETAILS = ("row", "peer", "form", "peer ms (processor ms)", "Sluice ms (processor ms)", "peer / Sluice", "range", "pairs x runs",
           "peer GFLOP/s", "Sluice GFLOP/s", "peer % of peak", "Sluice % of peak", "FMA peak, GFLOP/s", "copy, GB/s", "peer MB (import)",
           "Sluice MB", "largest difference")


MEMORY_BOUND = ("depthwise", "separable")  # kinds of rows


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]


def digits(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


class Report:
    def __init__(self, options, peers, state):
        self.options, self.peers, self.state = options, peers, state
        self.date = datetime.date.today().isoformat()
        self.processor = peer_machine.processor_name()
        self.path = options.output or self.new_path()
        self.comparisons, self.reasons = {}, {}  # by row and peer
        self.tables = []  # beside those of the rows: title, text, head, rows
        self.rows, self.alone = {}, {}  # by name; what model_bench says of rows that no peer runs

    def new_path(self):
        """A name that no result has: <date>-<processor>[-<isa>].md, then -2.md and so on."""
        stem = f"{self.date}-{re.sub('[^a-z0-9]+', '-', self.processor.lower()).strip('-')}"
        stem += f"-{self.options.isa}" if self.options.isa else ""
        folder = pathlib.Path(peer_rows.HERE / "results")
        names = [f"{stem}.md", *(f"{stem}-{i}.md" for i in range(2, 1000))]
        return next(folder / name for name in names if not (folder / name).exists())

    def add(self, row, peer, comparison, reason):
        self.rows[row.name] = row
        self.last = row.name, peer
        if comparison is None:
            self.reasons[self.last] = reason
        else:
            self.comparisons[self.last] = comparison
        self.write()

    def add_table(self, title, head, rows, text):
        self.tables.append((title, text, head, rows))
        self.write()

    def add_alone(self, row, measured):
        self.rows[row.name], self.alone[row.name] = row, measured

    def last_line(self):
        row, peer = self.last
        if self.last in self.reasons:
            return f"{row}, {peer}: not run: {self.reasons[self.last]}"
        values = dict(zip(DETAILS, self.detail(row, peer)))
        return ", ".join([row, peer, *(f"{name} {values[name]}" for name in DETAILS[2:])])

    def detail(self, row, peer):
        one = self.comparisons[row, peer]
        ratios = sorted(pair.ratio for pair in one.pairs)
        sides = [(one.median(lambda pair: getattr(pair, side).ms), one.median(lambda pair: getattr(pair, side).processors))
                 for side in ("theirs", "ours")]
        times = [f"{digits(ms)} ({digits(ms * processors)})" for ms, processors in sides]
        rates = [f"{1e3 * one.gflop / ms:.0f}" if one.gflop else "" for ms, _ in sides]
        shares = [f"{self.share(one, side):.0f}" if one.gflop else "" for side in ("theirs", "ours")]
        counted = f"{len(one.pairs)} of {one.taken} x {one.runs}" + (" †" if one.starved else "")
        return [row, peer, one.form, *times, f"**{statistics.median(ratios):.2f}**", f"{ratios[0]:.2f}-{ratios[-1]:.2f}", counted,
                *rates, *shares, f"{one.median(lambda pair: pair.peak_gflops):.0f}", f"{one.median(lambda pair: pair.copy_gbs):.1f}",
                f"{one.their_mb:.0f} ({one.imported_mb:.0f})", f"{one.our_mb:.0f}", f"{one.difference:.1e}"]

    def share(self, one, side):
        """Per cent of the FMA peak that was measured beside the pair."""
        return one.median(lambda pair: 1e5 * one.gflop / getattr(pair, side).ms / pair.peak_gflops)

    def ratio_rows(self):
        for row in self.rows:
            cells = []
            for peer in self.peers:
                one = self.comparisons.get((row, peer))
                ratios = sorted(pair.ratio for pair in one.pairs) if one else []
                cells.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})" if one else "")
            yield [row, digits(self.our_ms(row)) if row in self.alone or self.peers_of(row) else "", *cells]
        for name, rows in peer_rows.sums().items():
            if not all(self.peers_of(row) for row in rows):
                continue
            quotients = [self.quotient(name, peer) for peer in self.peers]
            yield [f"{name} = {' + '.join(rows)}", digits(sum(map(self.our_ms, rows))),
                   *(f"{quotient:.2f}" if quotient else "" for quotient in quotients)]

    def quotient(self, name, peer):
        """The peer's time in units of Sluice's, of a row or a sum of rows; None where it was not measured."""
        ones = [self.comparisons.get((row, peer)) for row in peer_rows.sums().get(name, [name])]
        if not all(ones):
            return None
        if len(ones) == 1:
            return ones[0].median(lambda pair: pair.ratio)
        theirs, ours = (sum(one.median(lambda pair: getattr(pair, side).ms) for one in ones) for side in ("theirs", "ours"))
        return theirs / ours

    def goal_rows(self):
        """bench/peer_goals.txt, of what was measured."""
        for goal in peer_rows.goals(self.options.isa, self.options.threads):
            quotients = {peer: self.quotient(goal.name, peer) for peer in goal.peers or self.peers}
            quotients = {peer: quotient for peer, quotient in quotients.items() if quotient}
            if quotients:
                peer = min(quotients, key=quotients.get)
                yield [goal.name, peer, f"{quotients[peer]:.2f}", f"{goal.quotient:g}", "met" if quotients[peer] >= goal.quotient else "**missed**"]

    def memory_rows(self):
        """Rows that are bound by memory: what is read and written as the row is defined, as a share of what is copied beside."""
        for name, row in self.rows.items():
            ones = [self.comparisons[name, peer] for peer in self.peers_of(name)]
            if row.kind not in MEMORY_BOUND or not ones:
                continue
            shares = {peer: self.copy_share(self.comparisons[name, peer], "theirs") for peer in self.peers_of(name)}
            yield [name, f"{ones[0].defined_mb:.1f}", f"{ones[0].moved_mb:.1f}",
                   f"{statistics.median(one.median(lambda pair: pair.copy_gbs) for one in ones):.1f}",
                   f"{statistics.median(self.copy_share(one, 'ours') for one in ones):.0f}",
                   *(f"{shares[peer]:.0f}" if peer in shares else "" for peer in self.peers)]

    def alone_rows(self):
        for row, measured in self.alone.items():
            times = [measured["median_ms"], measured["median_ms"] * measured["processors_used"]]
            yield [row, f"{digits(times[0])} ({digits(times[1])})", f"{measured['GFLOP/s']:.0f}",
                   f"{100 * measured['GFLOP/s'] / measured['peak_GFLOP/s']:.0f}", f"{measured['peak_GFLOP/s']:.0f}",
                   f"{measured['peak_memory_MB']:.0f}"]

    @staticmethod
    def copy_share(one, side):
        """Per cent."""
        return one.median(lambda pair: 1e2 * one.defined_mb / getattr(pair, side).ms / pair.copy_gbs)

    def peers_of(self, row):
        return [peer for peer in self.peers if (row, peer) in self.comparisons]

    def our_ms(self, row):
        """Median beside all peers."""
        if row in self.alone:
            return self.alone[row]["median_ms"]
        return statistics.median(self.comparisons[row, peer].median(lambda pair: pair.ours.ms) for peer in self.peers_of(row))

    def head(self):
        ones = self.comparisons.values()
        peaks = [pair.peak_gflops for one in ones for pair in one.pairs]
        copies = [pair.copy_gbs for one in ones for pair in one.pairs]
        versions = [f"{name} {importlib.metadata.version(name)}" for name in
                    [*dict.fromkeys(peer_engines.ENGINES[peer].package for peer in self.peers), "onnx", "numpy"]]
        commits = ', '.join(dict.fromkeys(self.state.commits[key] for key in self.comparisons)) or self.state.commit
        lines = [f"# Peers: {self.processor}, {self.date}", "",
                 f"- {self.options.threads} threads, {os.cpu_count()} processors, {peer_machine.memory_gb():.0f} GB of memory, {platform.system()} "
                 f"{'.'.join(platform.release().split('.')[:2])}, {peer_machine.processor_family()}"
                 f"{', everything kept to ' + self.options.isa if self.options.isa else ''}.",
                 f"- Sluice {commits}; Python {platform.python_version()}, {', '.join(versions)}."]
        if peaks:
            lines.append(f"- FMA peak beside Sluice's runs {min(peaks):.0f} to {max(peaks):.0f} GFLOP/s, copy {min(copies):.1f} to "
                         f"{max(copies):.1f} GB/s, both with the same threads.")
        return lines + METHOD.format(pairs=self.options.pairs).splitlines()

    def row_tables(self):
        """Title, text, head and rows of each."""
        yield ("Peer's time in units of Sluice's", "Above 1 Sluice is faster. Medians of pairs, least and largest; of a sum of rows the "
               "quotient of sums of medians.", ["row", "Sluice ms", *self.peers], list(self.ratio_rows()))
        yield ("Goals", "Of the fastest peer's time in units of Sluice's (bench/peer_goals.txt).", ["row", "fastest peer", "reached", "goal", ""],
               list(self.goal_rows()))
        yield ("Share of memory's speed, %", "Inputs, weights and outputs once, in the time of a run, as a share of the bytes that "
               "`memcpy` reads and writes beside; large copies go past the caches.",
               ["row", "MB as defined", "MB of Sluice's kernels", "copy, GB/s", "Sluice", *self.peers], list(self.memory_rows()))
        yield ("Rows that no peer runs", "", ["row", "Sluice ms (processor ms)", "GFLOP/s", "% of peak", "FMA peak, GFLOP/s", "MB"],
               list(self.alone_rows()))
        yield "Everything measured", "", DETAILS, [self.detail(*key) for key in self.comparisons]

    def write(self):
        figure = self.path.with_suffix(".svg")
        layers = [row for row in self.rows.values() if not row.is_network]
        bars = {row.name: self.bars(row.name) for row in layers}
        lines = self.head()
        if any(bars.values()):
            figure.write_text(peer_figure.draw({name: shares for name, shares in bars.items() if shares}), encoding="utf-8")
            lines += ["", f"![share of the FMA peak, a layer a group]({figure.name})"]
        for title, text, head, rows in [*self.row_tables(), *self.tables]:
            if rows:
                lines += ["", f"## {title}", "", *([text, ""] if text else []), *table(head, rows)]
        if self.reasons:
            lines += ["", "## Not measured", ""]
            lines += [f"- {row}, {peer}: {reason}" for (row, peer), reason in self.reasons.items()]
        self.path.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def bars(self, row):
        """Name to share of the peak, Sluice first."""
        ones = {peer: self.comparisons[row, peer] for peer in self.peers if (row, peer) in self.comparisons}
        ones = {peer: one for peer, one in ones.items() if one.gflop}
        if not ones:
            return {}
        ours = statistics.median(self.share(one, "ours") for one in ones.values())
        return {"Sluice": ours, **{peer: self.share(one, "theirs") for peer, one in ones.items()}}


METHOD = """\
- In turn, A B A B, {pairs} pairs that count; of a turn the median of its runs, of the pairs the median of their ratios. Each peer is a
  process of its own that stays warm; Sluice is a new `model_bench` a turn, warm before it is timed. Weights and inputs are the same;
  the largest difference of an output is relative to its largest value.
- A peer has its fastest form (bench/peer_engines.py) of those that differ by at most 1e-3 (networks) or 1e-4 (layers): gate and feature by
  one convolution or two, attention as matrix products, generated kernels all at once or tap by tap, instance norms as they come or
  written out; inputs and outputs of a layer in the memory format that it has between two layers (channels_last, packed); torch.compile
  freezes, ONNX Runtime, OpenVINO and ncnn pack the weights beforehand.
- GFLOP/s and shares of the FMA peak count the layer as defined (`bench/layer_work.txt`), so Winograd's sums and the reduced attention may
  pass 100 %. The peak is measured between Sluice's runs.
- Processor ms: of all threads. A pair in which either side had less than 0.9 of its threads' time is discarded; †: too few were
  left (a side that can't keep all threads busy, or a busy machine), so those count that had most of it.
- MB: peak resident memory of the process, preparation included; in brackets after the imports alone."""
