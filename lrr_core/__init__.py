"""Latent reasoning refinement: roll out, refine, measure and draw the hidden thoughts of a language model.

Axis letters, used in every docstring and record of the package:

    B  problem in a batch        T  thought (1 ... T)        D  width of the hidden state
    P  position in the prompt    K  refinement round         V  vocabulary

Rings, innermost first; a module imports only towards the left, plus `trace`:
text (problems, prosqa) -> torch (models, rollout, refine) -> numpy (metrics, projection) -> plotly (figures).
Importing the package does no work.
"""

__version__ = "0.1.0"
