"""What the question marks beside the controls say."""

from __future__ import annotations

from lrr_core.analysis import summary
from lrr_core.refinement.trace import REFERENCES

PROBLEM = (
    "A graph told in sentences, and one question: which of two things follows? Small ones first, then larger ones."
)
ANOTHER = (
    "Draws a new balanced problem: 12 to 15 nodes, 2 or 3 hops; where none can be drawn, the next one of the list."
)
METHOD = "What is done to each thought before it is fed back.\n\n" + summary.method_help()
STEP_SIZE = (
    "How far each thought is pushed: the fraction of the difference strong − weak that is added in each round. 0 pushes "
    "nothing; above 1 usually overshoots. The paper's η grows with the width of the model, s does not."
)
RESIDUAL = (
    "How much of the previous thought is mixed into the next one. 0 mixes nothing, 1 keeps the first thought for ever."
)
THOUGHTS = "How many thoughts the model thinks before it answers. Each can look one hop further."
ROUNDS = "How often each thought is pushed before it is fed back. The paper uses one round."
REFERENCE = "What strong and weak are asked.\n\n" + "\n".join(f"* **{k}**: {v}" for k, v in REFERENCES.items())
BACKBONE = "The checkpoint that thinks and answers."
STRONG = "Thoughts are pushed towards what this checkpoint makes of them."
WEAK = "Thoughts are pushed away from what this checkpoint makes of them. The same as strong: no push at all."
SIGN = "The published equation and the described intent disagree; try both."
GRADIENT = "Whether strong and weak count as fixed points, or are differentiated through."
SEED = "Decides the random directions of that control."
MOMENTUM = "How much of the earlier pushes carries on. 0: none."
MAP = "UMAP shows who is near whom; PCA is linear: lengths along its two axes are real, everything else is dropped."
FIGURE = "Opens the Studio: a figure of this run for a paper, its caption, and a bundle with every number."
RESET = "Everything back to the start."
OWN = (
    'Write a problem yourself: sentences such as "Tom is a cat." and "All cats are mammals.", and one question, with two '
    "candidates or of yes and no. Lists and line breaks are fine."
)
