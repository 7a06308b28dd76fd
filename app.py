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

page = st.navigation(
    [
        st.Page(
            HERE / "pages" / "explore.py",
            title="Explore",
            default=True,
            help="One problem, thought by thought: the plain run, the refined run, and what two sliders do to the answer.",
        ),
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
page.run()
