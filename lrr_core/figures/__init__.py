"""Records -> Plotly figures for the screen. No torch, no Streamlit; a page calls one function and shows what comes back."""
