# SPDX-License-Identifier: Apache-2.0
"""Every network of models/ at its published size: `sluice inspect` counts the published number of parameters.

Counts from the papers and from the published code, weights that two layers share counted once.
"""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cli_support as cli  # noqa: E402

PUBLISHED = [
    ("deepfill2", [], 4_052_478),
    ("inpaint_small", [], 1_018_100),  # ours; deepfill2 at width 24 has 1,017,954, the smooth fill 36, the two shares 110
    ("deepfill2_guided", [], 4_053_678),
    ("deepfill2_csqiangwen", [], 16_174_956),
    ("deepfill2_discriminator", [], 5_946_816),
    ("sketchfill_shape", [], 27_192_851),
    ("sketchfill_shape_discriminator", [], 23_085_384),
    ("sketchfill_appearance", [], 1_762_881),
    ("sketchfill_appearance", ["width=32", "blocks=24"], 774_817),
    ("sketchfill_appearance_discriminator", [], 1_525_093),
    ("guidenet", [], 73_536_385),
    ("guidenet", ["generation_kernel=1"], 62_624_641),
    ("dfn_video", [], 637_361),
    ("dfn_stereo", [], 464_494),
    ("spatio_temporal", [], 5_383_946),  # at the published clip size, which the last linear layer follows
]


SIZES = {"spatio_temporal": "32x32"}


class ParameterCountTest(cli.CliTestCase):
    def test_published_counts(self):
        for model, settings, count in PUBLISHED:
            with self.subTest(model=model, settings=settings):
                options = [word for setting in settings for word in ("--set", setting)]
                made = json.loads(self.succeed("inspect", model, "--json", "--size", SIZES.get(model, "256x256"), *options).stdout)
                self.assertEqual(made["parameter_count"], count)

    def test_every_graph_is_counted(self):
        graphs = {path.stem for path in (cli.SOURCE / "models").glob("*.graph")}
        self.assertEqual(graphs - {model for model, _, _ in PUBLISHED}, {"dfn_steerable"})  # has no published count

    def test_every_gate_of_the_sketch_network(self):
        released = None
        for gate in ("stochastic", "vanilla", "block", "block_shift", "adain", "channel", "channel_beta", "concat_input", "concat_all"):
            for residual in ("add", "sub", "max", "min"):
                with self.subTest(gate=gate, residual=residual):
                    made = json.loads(self.succeed("inspect", "sketchfill_appearance", "--json", "--set", f"gate={gate}", "--set",
                                                   f"residual={residual}", "--size", "64x64").stdout)
                    self.assertEqual(made["outputs"]["image"], [1, 3, 64, 64])
                    released = released or made["parameter_count"]
                    if gate in ("vanilla", "adain", "block"):
                        self.assertNotEqual(made["parameter_count"], released)
        made = json.loads(self.succeed("inspect", "sketchfill_appearance_discriminator", "--json", "--set", "class_head=true").stdout)
        self.assertIn("class_logits", made["outputs"])


if __name__ == "__main__":
    unittest.main()
