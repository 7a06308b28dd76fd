"""The app: `streamlit run app.py`. Pages are listed here and live in `pages/`.

A page gets no `icon`: Streamlit would fetch a Material icon as the tab's icon from fonts.gstatic.com, and the app calls nobody.
"""

from pathlib import Path

import streamlit as st

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
