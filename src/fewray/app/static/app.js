// A page that is live fetches itself from time to time and replaces what changed.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (live) {
    const seconds = Number(live.dataset.live);
    const again = async () => {
      try {
        if (!document.hidden && !live.contains(document.activeElement)) {
          const answer = await fetch(location.href, { headers: { accept: "text/html" } });
          const text = answer.ok ? await answer.text() : "";
          const page = new DOMParser().parseFromString(text, "text/html");
          const fresh = page.querySelector("[data-live]") || page.querySelector("[data-still]");
          if (fresh) {
            replaceChanged(live, fresh);
            if (!fresh.matches("[data-live]")) return;
          }
        }
      } catch { /* the server may be restarting; try again */ }
      setTimeout(again, 1000 * seconds);
    };
    setTimeout(again, 1000 * seconds);
  }

  // Replace only the parts that differ, so that pictures do not flicker.
  function replaceChanged(old, fresh) {
    const before = [...old.children], after = [...fresh.children];
    if (before.length !== after.length) { old.replaceChildren(...fresh.childNodes); return; }
    before.forEach((part, i) => { if (part.outerHTML !== after[i].outerHTML) part.replaceWith(after[i]); });
  }

  // Choosing runs to compare.
  const compare = document.querySelector("[data-compare]");
  if (compare) {
    const update = () => {
      const chosen = document.querySelectorAll("input[name=run]:checked").length;
      compare.disabled = chosen < 2;
      compare.textContent = chosen < 2 ? "Compare (choose two or more)" : `Compare ${chosen} runs`;
    };
    document.addEventListener("change", update);
    update();
  }

  // The walk: the slider shows one of the frames.
  const slider = document.querySelector("[data-walk]");
  if (slider) {
    const big = document.querySelector(".walk .big"), frames = [...document.querySelectorAll(".frames li")];
    const show = () => {
      const step = Number(slider.value);
      big.src = frames[step].querySelector("img").src;
      frames.forEach((frame, i) => frame.classList.toggle("now", i === step));
    };
    const remember = () => {  // every view is a link
      const address = new URL(location.href);
      address.searchParams.set("step", slider.value);
      history.replaceState(null, "", address);
    };
    slider.addEventListener("input", show);
    slider.addEventListener("change", remember);
    frames.forEach((frame, i) => frame.addEventListener("click", () => { slider.value = i; show(); remember(); }));
    show();
  }

  // Arrow keys lead to the image before or after.
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
    const link = document.querySelector({ ArrowLeft: "a[rel=prev]", ArrowRight: "a[rel=next]" }[event.key] || "nothing");
    if (link) link.click();
  });
})();
