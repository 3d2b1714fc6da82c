// What is dropped or pasted on the page. Text goes on its way to where it was meant.

const TEXTS = "textarea, input:not([type]), input[type=text], input[type=password]";

const textField = (target) => target instanceof Element && target.matches(TEXTS);
const holdsFiles = (transfer) => [...transfer.types].includes("Files");
const holdsText = (transfer) => [...transfer.types].includes("text/plain");

/** Files of a window, a drop or the clipboard; `folder`: the first of them is one. */
export function carried(files, items = []) {
  const entry = items[0]?.webkitGetAsEntry?.();
  return { files: [...files], folder: Boolean(entry?.isDirectory) };
}

/** Hand files to `take`. They may be dropped anywhere: beside the field, a browser would leave the page for them. */
export function listen({ takes, zone, take }) {
  const meant = ({ dataTransfer, target }) => textField(target) && holdsText(dataTransfer);
  const wanted = ({ dataTransfer }) => takes && holdsFiles(dataTransfer);
  const over = (is) => zone.classList.toggle("over", is);
  document.addEventListener("dragover", (event) => {
    if (meant(event)) return over(false);
    event.preventDefault();
    event.dataTransfer.dropEffect = wanted(event) ? "copy" : "none";
    over(wanted(event));
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || over(false));
  document.addEventListener("drop", (event) => {
    over(false);
    if (meant(event)) return;
    event.preventDefault();
    if (wanted(event)) take(carried(event.dataTransfer.files, event.dataTransfer.items));
  });
  document.addEventListener("paste", (event) => {
    if (!takes || document.querySelector("dialog[open]") || isText(event)) return;
    take(carried(event.clipboardData?.files ?? [], event.clipboardData?.items));
  });
}

/** Word and Excel put a picture of what was copied beside its text. A copied file has its name there. */
function isText({ clipboardData, target }) {
  const text = clipboardData?.getData("text/plain") ?? "";
  return textField(target) && text !== "" && text !== clipboardData.files[0]?.name;
}
