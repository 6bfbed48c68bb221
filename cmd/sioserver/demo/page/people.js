// Who is in the room, and who is typing.
import { $, el, paint } from "./dom.js";

const TYPING_FOR = 4000; // ms after which a typing notice is stale
const SHOWN = 60;

export class People {
  constructor(selfId) {
    this.selfId = selfId;
    this.here = new Map(); // id -> name
    this.typing = new Map(); // id -> timer
    this.total = 0;
  }

  /** Takes the list of those who are in the room; total may be more than listed. */
  reset(people, total) {
    this.here = new Map(people.map(({ id, name }) => [id, name]));
    this.total = total;
    for (const timer of this.typing.values()) clearTimeout(timer);
    this.typing.clear();
    this.show();
  }

  joined({ id, name }) {
    if (this.here.has(id)) return;
    this.here.set(id, name);
    this.total++;
    this.show();
  }

  left({ id }) {
    this.here.delete(id);
    this.total--;
    this.types({ id }, false);
    this.show();
  }

  renamed({ id, name }) {
    if (this.here.has(id)) this.here.set(id, name);
    this.show();
  }

  types({ id }, on) {
    clearTimeout(this.typing.get(id));
    this.typing.delete(id);
    if (on && this.here.has(id)) this.typing.set(id, setTimeout(() => this.types({ id }, false), TYPING_FOR));
    this.showTyping();
  }

  show() {
    const self = this.selfId();
    const everyone = [...this.here].sort(([a, x], [b, y]) => (b === self) - (a === self) || x.localeCompare(y));
    $("people").replaceChildren(...everyone.slice(0, SHOWN).map(([id, name]) => el("li", {},
      paint(el("span", { className: "avatar", ariaHidden: "true" }), name),
      el("span", { className: "name", textContent: name, title: name }),
      ...(id === self ? [el("span", { className: "you", textContent: "you" })] : []))));
    const more = this.total - Math.min(everyone.length, SHOWN);
    $("people-more").hidden = more <= 0;
    $("people-more").textContent = `and ${more} more`;
    $("room-count").textContent = this.total === 1 ? "only you are here" : `${this.total} people here`;
    this.showTyping();
  }

  showTyping() {
    const names = [...this.typing.keys()].map((id) => this.here.get(id)).filter(Boolean);
    $("typing").textContent =
      names.length === 0 ? "" :
      names.length === 1 ? `${names[0]} is typing…` :
      names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : "Several people are typing…";
  }
}
