# SPDX-License-Identifier: Apache-2.0
"""Shares of the FMA peak as an SVG picture: a group of bars for every layer."""
from xml.sax.saxutils import escape

# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = {"Sluice": "#d55e00", "torch": "#0072b2", "torch-compile": "#56b4e9", "onnxruntime": "#009e73", "openvino": "#cc79a7",
           "ncnn": "#e69f00"}
BAR, GAP, LEFT, TOP, WIDTH, RIGHT = 9, 8, 130, 56, 640, 50
STEPS = (1, 2, 5, 10, 20, 50, 100, 200)  # per cent between the lines, the first that leaves at most LINES
LINES = 10


def text(x, y, value, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(value)}</text>'


def bar(x, y, width, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR - 1}" fill="{colour}"/>'


def axis(longest, bottom):
    """Lines across the picture; that of the peak is dark."""
    step = next((step for step in STEPS if longest / step <= LINES), STEPS[-1])
    parts = []
    for share in range(0, int(longest) + 1, step):
        x = LEFT + WIDTH * share / longest
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="{"#333" if share == 100 else "#ddd"}"/>')
        parts.append(text(x, TOP - 6, str(share), "middle"))
    return parts


def draw(groups, colours=None):
    """groups: row to {engine: per cent}. colours: by engine, in the order of the bars."""
    colours = colours or COLOURS
    longest = max(100, *(share for shares in groups.values() for share in shares.values()))
    engines = [name for name in colours if any(name in shares for shares in groups.values())]
    parts, y = [], TOP + GAP
    for row, shares in groups.items():
        parts.append(text(LEFT - 6, y + BAR * len(shares) / 2 + 4, row, "end"))
        for engine in engines:
            if engine in shares:
                width = WIDTH * shares[engine] / longest
                parts += [bar(LEFT, y, width, colours[engine]), text(LEFT + width + 3, y + BAR - 1, f"{shares[engine]:.0f}")]
                y += BAR
        y += GAP
    legend = [text(10, 16, "% of the FMA peak measured beside, in the multiplications of the layer as defined")]
    for i, engine in enumerate(engines):
        legend += [bar(10 + 110 * i, 24, 10, colours[engine]), text(24 + 110 * i, 32, engine)]
    height = y + 10
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" '
                      f'font-family="sans-serif" font-size="10">',
                      '<rect width="100%" height="100%" fill="white"/>', *legend, *axis(longest, y), *parts, "</svg>", ""])
