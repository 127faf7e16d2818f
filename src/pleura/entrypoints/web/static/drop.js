// Forms work without this file; it adds dropping files and a word while the server works.
for (const form of document.querySelectorAll("form[data-drop]")) {
  const input = form.querySelector("input[type=file]");
  for (const kind of ["dragenter", "dragover"]) {
    form.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    form.addEventListener(kind, () => form.classList.remove("over"));
  }
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    input.files = event.dataTransfer.files;
    if (form.reportValidity()) form.requestSubmit();
  });
}
for (const button of document.querySelectorAll("button[data-busy]")) {
  button.form.addEventListener("submit", () => {
    button.textContent = button.dataset.busy;
    setTimeout(() => { button.disabled = true; });
  });
}
// Coming back with the browser's back button must not leave a button that says "busy".
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
