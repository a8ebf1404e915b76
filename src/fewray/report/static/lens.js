/* The lens: a click on a synthetic image shows it beside the others; arrow keys move. */
for (const lens of document.querySelectorAll(".lens")) {
  const panel = lens.querySelector(".lens-panel");
  const items = [...lens.querySelectorAll(".lens-item")];
  const summaries = items.map((item) => item.querySelector("summary"));
  lens.classList.add("with-panel");
  panel.hidden = false;

  const show = (index) => {
    items.forEach((item, i) => {
      item.classList.toggle("is-shown", i === index);
      summaries[i].setAttribute("aria-pressed", String(i === index));
    });
    panel.replaceChildren(items[index].querySelector(".lens-body").cloneNode(true));
  };
  const columns = () => {
    const top = items[0].offsetTop;
    const next = items.findIndex((item) => item.offsetTop !== top);
    return next < 0 ? items.length : next;
  };
  summaries.forEach((summary, index) => {
    summary.setAttribute("role", "button");
    summary.addEventListener("click", (event) => { event.preventDefault(); show(index); });
    summary.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
      const to = index + (steps[event.key] ?? NaN);
      if (!(to in items)) return;
      event.preventDefault();
      summaries[to].focus();
      show(to);
    });
  });
  if (items.length) show(0);
}
