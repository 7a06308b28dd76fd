// Copies the address of this page with every choice in it. The query comes from the server, which checks it again when the
// link is opened. Where the browser gives no clipboard (a page that is not on https or localhost) the link is shown instead.
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  const said = parentElement.querySelector("output");
  let waiting = 0;

  button.onclick = async () => {
    const link = window.location.origin + window.location.pathname + data.query;
    parentElement.querySelector("input")?.remove();
    try {
      await navigator.clipboard.writeText(link);
      button.textContent = "Copied";
      said.textContent = "The link is in the clipboard.";
    } catch {
      const field = document.createElement("input");
      field.readOnly = true;
      field.value = link;
      field.setAttribute("aria-label", "Link to this view");
      button.after(field);
      field.select();
      button.textContent = "Copy this";
    }
    clearTimeout(waiting);
    waiting = setTimeout(() => { button.textContent = "Copy link"; }, 2500);
  };
  return () => clearTimeout(waiting);
}
