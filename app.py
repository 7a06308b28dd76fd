"""The app: `streamlit run app.py`. Pages are listed here and live in `pages/`.

A page gets no `icon`: Streamlit would fetch a Material icon as the tab's icon from fonts.gstatic.com, and the app calls nobody.
"""

import os
from pathlib import Path

import streamlit as st

# A thought is one vector: a second thread costs more than it brings (224 ms against 369 ms from slider to figure, 2 cores).
# Set OMP_NUM_THREADS yourself for large checkpoints. It counts only before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent

PAGES = {
    "Explore": "One problem, thought by thought: the plain run, the refined run, and what two sliders do to the answer.",
    "Live": "Drag a point over step size and residual mix, and watch thoughts, curves and answer follow.",
    "Compare": "All methods and controls side by side on one map; pin two settings and see where they differ.",
    "Regimes": "Which settings converge, drift, overshoot or flip the answer: the whole plane at a glance.",
    "Ladder": "Where refinement helps at all: its gain against the accuracy of the model it refines.",
    "Benchmark": "Every method and control counted on many problems, with intervals, tests and cost; reports opened and made.",
    "Studio": "From a run to a figure for a paper, with its caption, its numbers and a bundle that anyone can run again.",
    "Learn": "Latent reasoning and its refinement in nine short chapters, on the real model.",
}

page = st.navigation(
    [
        st.Page(HERE / "pages" / f"{title.lower()}.py", title=title, default=title == "Explore", help=words)
        for title, words in PAGES.items()
    ],
    position="top",
)
st.set_page_config(
    page_title=f"{page.title} · latent reasoning refinement",
    page_icon=str(HERE / "assets" / "icon.svg"),
    layout="wide",
    initial_sidebar_state=290,
)
st.logo(str(HERE / "assets" / "icon.svg"), size="large")
st.session_state.entered = True  # see pages/_choices.py
page.run()
