"""The words, formulae and sources of the Learn page. Text only; `show` puts them on the page."""

from __future__ import annotations

import streamlit as st

TEXT = 680  # pixels: a column that reads well

WORDS = {
    "Latent reasoning": "Reasoning without writing: the model's last hidden state is fed back as its next input, several times.",
    "Thought": "One such hidden state, a vector. Here 192 numbers; thought *t* is the *t*-th that is fed.",
    "Text step": "A word the model writes and reads again, as in chain of thought (CoT).",
    "Hidden state": "The vector a model has computed at a position, before it turns it into a word.",
    "Backbone": "The checkpoint that thinks and answers.",
    "Strong, weak": "Two checkpoints of the same training from different moments. Thoughts are pushed towards what strong makes "
    "of them and away from what weak does. Both may be better or worse than the backbone.",
    "References": "What strong and weak say at a thought. Read as *same*: their own version of this thought. Read as *next*: what "
    "they make of this thought, a forecast of the next one.",
    "Push": "What refinement adds to a thought: the step size times (strong − weak).",
    "Step size *s*": "The share of (strong − weak) that is added in each round. It does not depend on the width of the model.",
    "η": "The paper's step size. It multiplies a mean over the width *D*, so the same push needs a larger η in a wider model: "
    "η = *s*·*D*/2.",
    "Residual mix α": "The share of the previous thought that is kept in the next one. 0: nothing; 1: the first thought for ever.",
    "Round": "One push of one thought. The paper uses one round per thought.",
    "TILR": "A later form of the push: only the part that lies in a subspace is added, and it is shortened by γ.",
    "Subspace": "All combinations of a few directions. TILR's holds 90 % of what strong and weak disagreed about on calibration "
    "problems.",
    "γ": "The share of a push's length that lies in the subspace, 0 to 1. At 0 a thought stays exactly as it is.",
    "Printed sign": "The published equation adds the gradient, which moves away from strong; the text describes the opposite. Both "
    "can be chosen.",
    "Momentum β": "The share of the earlier gradients that carries on into the next push.",
    "Logit lens": "Reading a thought as if it were about to be spoken: which words would it make most likely?",
    "Frontier": "The nodes exactly *t* steps from the start of a search. A thought that holds all of them has searched in breadth.",
    "Superposition": "Several possibilities held in one vector at once.",
    "Margin": "log probability of the right answer minus that of the best other one, in nats. Above zero: right.",
    "Control": "A run that should *not* help if the explanation is true: zero thoughts, a random push of equal length, strong and "
    "weak swapped, the first thought kept.",
    "95 % interval": "The range of accuracies that fit what was counted. A difference whose interval holds zero shows nothing.",
    "Chance": "What guessing scores: 50 % between two candidates.",
    "PCA": "A map made of the two directions in which thoughts vary most. Lengths along it are real; everything else is dropped.",
    "UMAP": "A map that keeps neighbours together. Who is near whom is meaningful; lengths, angles and gaps are not.",
    "Trustworthiness": "How far neighbours on a map are neighbours in truth, 0 to 1.",
    "Ladder": "Checkpoints from many moments of one training, from guessing to nearly always right.",
    "ProsQA": "Questions about a graph told in sentences: which of two things follows?",
}

FORMULAE = (
    (
        "A thought is fed back",
        r"u^{1} = f(\text{question}) \qquad u^{t+1} = f(h^{1}, \dots, h^{t})",
        (
            (r"f", "the backbone: its last hidden state after the final norm"),
            (r"u^{t}", "what it proposes as thought *t*"),
            (r"h^{t}", "the thought that is really fed; without refinement $h^{t} = u^{t}$"),
        ),
    ),
    (
        "Residual mixing",
        r"h^{t,0} = \alpha\, h^{t-1} + (1-\alpha)\, u^{t}",
        (
            (r"\alpha", "residual mix, 0 to 1; nothing is mixed into the first thought"),
            (r"h^{t-1}", "the thought before, as it was fed"),
            (r"h^{t,0}", "thought *t* before any push"),
        ),
    ),
    (
        "What the push descends",
        r"J(h) = \frac{1}{D}\lVert g - h\rVert^2 - \frac{1}{D}\lVert b - h\rVert^2 "
        r"\qquad \nabla_h J = \frac{2}{D}\,(b - g)",
        (
            (r"g,\; b", "the references: what strong and weak say at *h*"),
            (r"D", "width: how many numbers a thought has"),
            (r"\nabla_h J", "its slope with *g* and *b* held fixed: the same everywhere, so there is no lowest point"),
        ),
    ),
    (
        "One round of the push",
        r"m = \beta\, m + \nabla_h J \qquad h^{t,k} = h^{t,k-1} - \eta\, m "
        r"= h^{t,k-1} + s\,(g - b) \quad (\beta = 0)",
        (
            (r"k", "round, 1 to *K*; the thought that is fed is $h^{t} = h^{t,K}$"),
            (r"m,\; \beta", "momentum and the share of it that is kept"),
            (r"\eta,\; s", r"the paper's step size and the width-free one: $s = 2\eta / D$"),
            (r"+\eta\, m", "what the published equation prints; it moves the other way"),
        ),
    ),
    (
        "The push of TILR",
        r"h^{t,k} = h^{t,k-1} + s\,\gamma\,\Pi\,(g - b) \qquad \Pi = U_r U_r^{\top} "
        r"\qquad \gamma = \frac{\lVert \Pi (g - b) \rVert}{\lVert g - b \rVert + \varepsilon}",
        (
            (
                r"U_r",
                "the *r* directions that hold 90 % of the energy of $g - b$ on calibration problems, from a truncated SVD",
            ),
            (r"\Pi", "keeps what lies in them and drops the rest"),
            (r"\gamma", "the share that is kept; at 0 nothing moves, to the last bit"),
            (r"\varepsilon", "a number so small that it only keeps 0/0 from being asked"),
        ),
    ),
    (
        "Where strong is nearest on that line",
        r"s \cdot K = \frac{(g - h)\cdot(g - b)}{\lVert g - b\rVert^2}",
        ((r"s \cdot K", "how much of (strong − weak) has been added in all; more than this overshoots"),),
    ),
    (
        "What a mixed thought is made of",
        r"h^{t} = \alpha^{t-1} u^{1} + (1-\alpha)\sum_{j=2}^{t} \alpha^{t-j}\, u^{j}",
        ((r"u^{j}", "the proposals so far, the newest with the largest share while α is below one half"),),
    ),
    (
        "Answer margin",
        r"\text{margin} = \log p(\text{right}) - \max_{\text{other}} \log p(\text{other})",
        ((r"p", "probability of a candidate after the end-of-thought token"),),
    ),
)

SOURCES = (
    (
        "Efficient Post-Training Refinement of Latent Reasoning in Large Language Models",
        "the method of this app: residual mixing and the contrast push",
        "arXiv 2506.08552",
        "https://arxiv.org/abs/2506.08552",
    ),
    (
        "Training Large Language Models to Reason in a Continuous Latent Space (Coconut)",
        "thoughts that are fed back, and the ProsQA problems",
        "arXiv 2412.06769",
        "https://arxiv.org/abs/2412.06769",
    ),
    (
        "Reasoning by Superposition",
        "why one thought can hold a whole search frontier",
        "arXiv 2505.12514",
        "https://arxiv.org/abs/2505.12514",
    ),
    (
        "TILR",
        "a later, constrained form of the push by the same group",
        "arXiv 2606.29164",
        "https://arxiv.org/abs/2606.29164",
    ),
)


def show() -> None:
    """Words, formulae and sources, one below the other."""
    st.subheader("Words", anchor="words")
    entries = [f"**{word}**  \n{meaning}" for word, meaning in WORDS.items()]
    half = -(-len(entries) // 2)
    for column, part in zip(st.columns(2, gap="large"), (entries[:half], entries[half:]), strict=True):
        column.markdown("\n\n".join(part))
    st.subheader("Formulae", anchor="formulae")
    for title, formula, symbols in FORMULAE:
        with st.container(border=True, width=TEXT):
            st.markdown(f"**{title}**")
            st.latex(formula)
            st.markdown("\n".join(f"* ${symbol}$: {meaning}" for symbol, meaning in symbols))
    st.subheader("Sources", anchor="sources")
    for title, what, name, url in SOURCES:
        st.markdown(f"*{title}*: {what}. [{name}]({url})")
