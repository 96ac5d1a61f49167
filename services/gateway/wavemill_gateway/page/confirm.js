// One question before anything is deleted for good. Escape means no.

const dialog = document.querySelector("#ask");
const part = (name) => dialog.querySelector(name);

/** Resolves to true when the person says yes. */
export function confirmed({ title, text, yes, no }) {
  part("h2").textContent = title;
  part("p").textContent = text;
  part("[value=yes]").textContent = yes;
  part("[value=no]").textContent = no;
  dialog.returnValue = "";
  dialog.showModal();
  part("[value=no]").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
