// On narrow screens the side columns are sheets that slide in over the page.
import { $ } from "./dom.js";

let opener = null;

/** Closes the open sheet, if any, and gives the focus back to its button. */
export function closeSheet() {
  const sheet = document.querySelector(".sheet.open");
  if (!sheet) return;
  sheet.classList.remove("open");
  opener?.setAttribute("aria-expanded", "false");
  opener?.focus();
  opener = null;
}

function open(button) {
  closeSheet();
  opener = button;
  const sheet = $(button.dataset.openSheet);
  sheet.classList.add("open");
  button.setAttribute("aria-expanded", "true");
  sheet.querySelector(".close").focus();
}

for (const button of document.querySelectorAll("[data-open-sheet]")) button.addEventListener("click", () => open(button));
for (const node of document.querySelectorAll("[data-close-sheet]")) node.addEventListener("click", closeSheet);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSheet();
});
