// The list of rooms, and the form that opens a new one.
import { $, el, problem } from "./dom.js";

/** Shows the rooms; enter(name) is called to go to one and throws when it can't. */
export class Rooms {
  constructor(enter) {
    this.enter = enter;
    this.rooms = [];
    this.current = "";
    $("new-room").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = $("new-room-name").value.trim();
      if (name) this.go(name);
    });
    document.addEventListener("keydown", (event) => {
      if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      event.preventDefault();
      this.step(event.key === "ArrowUp" ? -1 : 1);
    });
  }

  async go(name) {
    try {
      await this.enter(name);
      $("new-room-name").value = "";
      problem($("room-problem"));
    } catch (error) {
      problem($("room-problem"), error.message);
    }
  }

  step(by) {
    const at = this.rooms.findIndex(({ name }) => name === this.current);
    const next = this.rooms[(at + by + this.rooms.length) % this.rooms.length];
    if (next) this.go(next.name);
  }

  list(rooms) {
    this.rooms = rooms;
    this.show();
  }

  entered(name) {
    this.current = name;
    this.show();
  }

  show() {
    const focused = document.activeElement?.dataset?.room;
    $("rooms").replaceChildren(...this.rooms.map(({ name, people }) => {
      const button = el("button", { type: "button" },
        el("span", { className: "hash", textContent: "#", ariaHidden: "true" }),
        el("span", { className: "name", textContent: name }),
        el("span", { className: "count", textContent: people || "", title: `${people} here` }));
      button.dataset.room = name;
      if (name === this.current) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => this.go(name));
      return el("li", {}, button);
    }));
    if (focused) $("rooms").querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
  }
}
