// The box that messages are written in.
import { $ } from "./dom.js";

const LIMIT = 500; // characters, also the server's
const AGAIN = 2000; // ms between two typing notices

/** say(text) sends a message, typing(on) tells the others. */
export function compose(say, typing) {
  const draft = $("draft");
  let told = 0;

  function changed() {
    const left = LIMIT - draft.value.length;
    $("draft-left").textContent = left <= 80 ? left : "";
    $("send").disabled = draft.value.trim() === "";
  }

  function tell(on) {
    const now = Date.now();
    if (on ? now - told < AGAIN : told === 0) return;
    told = on ? now : 0;
    typing(on);
  }

  function send() {
    const text = draft.value.trim();
    if (text === "") return;
    draft.value = "";
    told = 0; // the message itself ends the notice
    changed();
    say(text);
    draft.focus();
  }

  draft.addEventListener("input", () => {
    changed();
    tell(draft.value.trim() !== "");
  });
  draft.addEventListener("blur", () => tell(false));
  draft.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  $("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  changed();
}
