"use strict";
/* Parts of the page that show one arm or class carry its key in data-key. */
const keyed = (key) => [...document.querySelectorAll("[data-key]")].filter((part) => part.dataset.key === key);

function showKey(key, shown) {
  for (const part of keyed(key)) part.classList.toggle("is-hidden", !shown);
}

function markKey(key, marked) {
  for (const part of keyed(key)) part.classList.toggle("is-marked", marked);
  for (const figure of document.querySelectorAll("figure.drawing")) {
    figure.classList.toggle("has-marks", figure.querySelector("svg .is-marked") !== null);
  }
}
