# SPDX-License-Identifier: Apache-2.0
"""What a run of peers.py has measured so far, a line of JSON each, so that a run that was stopped goes on (`--state FILE`)."""
import dataclasses
import json
import subprocess

import peer_rows
import peer_turns


def sluice_commit():
    done = subprocess.run(["git", "-C", str(peer_rows.ROOT), "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "of an unknown commit"


def comparison_from(values):
    pairs = [peer_turns.Pair(peer_turns.Turn(**pair.pop("ours")), peer_turns.Turn(**pair.pop("theirs")), **pair) for pair in values.pop("pairs")]
    return peer_turns.Comparison(pairs=pairs, **values)


class State:
    """Lines of other threads and instructions in the same file are of other runs. Of two lines of one comparison the later counts."""

    def __init__(self, path, options):
        self.commit = sluice_commit()
        self.path, self.key = path, {"threads": options.threads, "isa": options.isa}
        self.commits, self.comparisons = {}, {}  # by row and peer
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        for line in map(json.loads, lines):
            if {key: line[key] for key in self.key} == self.key:
                self.comparisons[line["row"], line["peer"]] = line["comparison"]
                self.commits[line["row"], line["peer"]] = line["commit"]

    def find(self, row, peer):
        """A comparison, or None."""
        values = self.comparisons.get((row, peer))
        return comparison_from(json.loads(json.dumps(values))) if values else None

    def keep(self, row, peer, comparison):
        self.commits[row, peer] = self.commit
        if self.path:
            line = {"row": row, "peer": peer, **self.key, "commit": self.commits[row, peer], "comparison": dataclasses.asdict(comparison)}
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
