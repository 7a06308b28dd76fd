"""What a paper's source needs of a figure: the LaTeX snippet, safe for any text, and the BibTeX of what it rests on."""

from __future__ import annotations

from .. import __version__
from .recipe import Recipe

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "−": "$-$",
    "×": r"$\times$",
    "→": r"$\to$",
    "‖": r"$\Vert$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "η": r"$\eta$",
    "▲": r"$\blacktriangle$",
    "▼": r"$\blacktriangledown$",
    "✓": r"$\checkmark$",
    "✗": r"$\times$",
    "·": r"$\cdot$",
}


def escape(words: str) -> str:
    """Text as LaTeX prints it; no letter of it can be a command."""
    return "".join(SPECIAL.get(letter, letter) for letter in words)


def snippet(recipe: Recipe, caption: str, stem: str = "figure") -> str:
    """A figure environment in the figure's natural size, so that its letters keep their points.

    stem: name of the picture's file without ending. Needs graphicx, and amssymb where a sign such as ✓ stands in the caption.
    """
    wide = "figure*" if recipe.size == "two-column" else "figure"
    width = f"{recipe.preset.width:g}mm" if recipe.size in ("one-column", "two-column") else r"\linewidth"
    return (
        "% needs \\usepackage{graphicx,amssymb}; in this width the letters keep the points they were drawn with\n"
        f"\\begin{{{wide}}}[t]\n  \\centering\n  \\includegraphics[width={width}]{{{stem}}}\n"
        f"  \\caption{{{escape(' '.join(caption.split()))}}}\n  \\label{{{recipe.label}}}\n\\end{{{wide}}}\n"
    )


def bibtex(recipe: Recipe) -> str:
    """The method, latent reasoning, this software, and UMAP where the map is one."""
    entries = [
        r"""@article{wang2025lrr,
  title   = {Efficient Post-Training Refinement of Latent Reasoning in Large Language Models},
  author  = {Wang, X. and others},
  journal = {arXiv preprint arXiv:2506.08552},
  year    = {2025},
  doi     = {10.1609/aaai.v40i40.40659}
}""",
        r"""@article{hao2024coconut,
  title   = {Training Large Language Models to Reason in a Continuous Latent Space},
  author  = {Hao, Shibo and others},
  journal = {arXiv preprint arXiv:2412.06769},
  year    = {2024}
}""",
        rf"""@software{{lrr_core,
  title   = {{See latent reasoning being refined (lrr\_core)}},
  author  = {{{{lrr\_core contributors}}}},
  version = {{{__version__}}},
  year    = {{2026}}
}}""",
    ]
    if "map" in recipe.panels and recipe.map == "UMAP":
        entries.append(
            r"""@article{mcinnes2018umap,
  title   = {{UMAP}: Uniform Manifold Approximation and Projection for Dimension Reduction},
  author  = {McInnes, Leland and Healy, John and Melville, James},
  journal = {arXiv preprint arXiv:1802.03426},
  year    = {2018}
}"""
        )
    return "\n\n".join(entries) + "\n"
