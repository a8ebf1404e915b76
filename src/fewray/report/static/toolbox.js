/* The toolbox: switches for arms and classes, export buttons, references. */
const LABELS = { svg: "SVG", png: "PNG", csv: "CSV", tex: "LaTeX" };

for (const { part, name, files } of exports()) {
  const row = document.createElement("div");
  row.className = "exports";
  for (const [ending, make] of Object.entries(files)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = LABELS[ending];
    button.setAttribute("aria-label", `Save ${name} as ${LABELS[ending]}`);
    button.addEventListener("click", async () => save(`${name}.${ending}`, await make()));
    row.append(button);
  }
  if (part.matches("figure")) part.append(row);
  else part.after(row);
}

for (const box of document.querySelectorAll(".toolbox")) {
  box.hidden = false;
  for (const field of box.querySelectorAll(".switch-show")) {
    field.addEventListener("change", () => showKey(field.value, field.checked));
  }
  for (const field of box.querySelectorAll(".switch-mark")) {
    field.addEventListener("change", () => markKey(field.value, field.checked));
  }
  for (const button of box.querySelectorAll(".switch-reset")) {
    button.addEventListener("click", () => {
      for (const field of button.closest(".tool").querySelectorAll("input")) {
        const before = field.checked;
        field.checked = field.classList.contains("switch-show");
        if (field.checked !== before) field.dispatchEvent(new Event("change"));
      }
    });
  }
  const state = box.querySelector(".export-state");
  box.querySelector(".export-all").addEventListener("click", async () => {
    state.textContent = "Making the archive…";
    save("fewray-report.zip", await archive());
    state.textContent = "Saved fewray-report.zip.";
  });
  const bibtex = document.querySelector(".bibtex");
  const button = box.querySelector(".export-bibtex");
  if (bibtex) button.addEventListener("click", () => save("references.bib", textBlob(bibtex.textContent, "text/plain")));
  else button.closest(".tool").remove();
}
