// Keys, the click, the clock and the time limit of a reader study. All pages work without it.
"use strict";
(() => {
  const enter = document.querySelector("[data-enter]");
  if (enter) {
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.repeat && event.target !== enter) enter.click();
    });
    return;
  }
  const form = document.getElementById("answer");
  if (!form) return;
  const fields = form.elements, frame = form.querySelector(".frame"), image = frame.querySelector("img");
  const mark = frame.querySelector(".mark"), over = frame.querySelector(".over"), clock = form.querySelector(".clock");
  const limit = Number(form.dataset.seconds);
  let begin = null, sent = false;

  const start = () => {
    if (begin !== null) return;
    begin = performance.now();
    if (limit) tick();
  };
  const tick = () => {
    const left = limit - (performance.now() - begin) / 1000;
    if (clock) clock.textContent = left > 0 ? `${Math.ceil(left)} s` : "";
    if (left > 0) setTimeout(tick, 200); else over.hidden = false;
  };
  if (image.complete && image.naturalWidth) start();
  image.addEventListener("load", start);
  image.addEventListener("error", () => { over.hidden = false; });

  const setMark = (x, y) => {
    fields.x.value = x === null ? "" : x.toFixed(4);
    fields.y.value = y === null ? "" : y.toFixed(4);
    mark.hidden = x === null;
    if (x !== null) { mark.style.left = `${100 * x}%`; mark.style.top = `${100 * y}%`; }
  };
  if (frame.classList.contains("clickable")) {
    frame.addEventListener("click", (event) => {
      const box = frame.getBoundingClientRect();
      const share = (value, from, size) => Math.min(1, Math.max(0, (value - from) / size));
      setMark(share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height));
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const chosen = form.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (chosen && event.key.length === 1) { chosen.checked = true; event.preventDefault(); }
    else if (event.key === "Escape") setMark(null, null);
    else if (event.key === "Enter" && !event.repeat && event.target.tagName !== "BUTTON") { event.preventDefault(); form.requestSubmit(); }
  });

  form.addEventListener("submit", (event) => {
    if (sent) { event.preventDefault(); return; }
    sent = true;
    fields.ms.value = begin === null ? "" : Math.min(86400000, Math.round(performance.now() - begin));
    form.querySelector("button").disabled = true;
  });
  // A page that the browser kept (Back) is out of date: ask the server where the reader is.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
