#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as old versions of PyTorch write them, Python 2 included; make_checkpoints.py says what is expected.

  old_checkpoints.py FOLDER    writes torch_<version>_python<n>_legacy.pth, and _zip.pth where that torch can
"""
from __future__ import print_function

import argparse
import collections
import os
import sys

import numpy
import torch


def sequence(*shape):
    count = 1
    for extent in shape:
        count *= extent
    return torch.arange(count).reshape(shape).float() / 8 - 1


def contents():
    """The checkpoint of a training run. Strings are those of the Python that runs: bytes in Python 2."""
    weight = sequence(4, 3)
    model = collections.OrderedDict([("module.conv.weight", weight.t()), ("module.conv.bias", weight[1, 1:]),
                                     ("module.steps", torch.tensor(7)), ("module.none", torch.zeros(0, 3)),
                                     ("module.half", sequence(5).half()), ("module.mask", sequence(4) > -0.8)])
    return {"net": model, "epoch": 12, "best": 0.5, "name": "gated", "list": [sequence(2), sequence(3, 1)],
            u"unicode": sequence(2), "options": argparse.Namespace(lr=1e-4, names=["a", "b"]),
            "scalar": numpy.float64(0.5), "array": numpy.arange(40.0)}


def main():
    assert len(sys.argv) == 2, __doc__
    stem = "torch_%s_python%d" % (".".join(torch.__version__.split("+")[0].split(".")[:2]), sys.version_info[0])
    for container in ("legacy", "zip"):
        path = os.path.join(sys.argv[1], "%s_%s.pth" % (stem, container))
        torch.save(contents(), path, _use_new_zipfile_serialization=container == "zip")
        print(path)


if __name__ == "__main__":
    main()
