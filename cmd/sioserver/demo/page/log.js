// The messages of the room on screen.
import { $, el, paint } from "./dom.js";

const KEEP = 300; // rows on the page
const GROUP = 5 * 60_000; // one heading for a person's messages this close, ms
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export class Log {
  constructor() {
    this.list = $("messages");
    this.frame = $("log");
    this.clear();
    $("to-end").addEventListener("click", () => this.toEnd());
    this.frame.addEventListener("scroll", () => {
      if (this.atEnd()) $("to-end").hidden = true;
    });
    new ResizeObserver(() => this.follow && this.toEnd()).observe(this.frame);
  }

  clear() {
    this.list.replaceChildren();
    this.rows = new Map(); // by message id
    this.last = null; // what the next message may be grouped with
    this.follow = true;
    $("to-end").hidden = true;
  }

  /** Adds a message that the server has sent, once. */
  add(message) {
    if (this.rows.has(message.id)) return;
    this.rows.set(message.id, this.append(message));
  }

  /** Adds an own message that the server has not confirmed yet. */
  pending(from, text) {
    const row = this.append({ from, text, at: Date.now() });
    row.classList.add("waiting");
    this.toEnd();
    return row;
  }

  /** Marks a pending message as confirmed after ms milliseconds. */
  confirm(row, id, ms) {
    row.classList.remove("waiting", "failed");
    this.rows.set(id, row);
    this.state(row, `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`, "from Enter to the server’s acknowledgement");
  }

  /** Marks a pending message as failed, with a way to try again. */
  fail(row, why, retry) {
    row.classList.remove("waiting");
    row.classList.add("failed");
    const button = el("button", { type: "button", textContent: "Try again" });
    button.addEventListener("click", () => {
      row.remove();
      this.last = null;
      retry();
    });
    this.state(row, "");
    row.querySelector(".state").append(`${why} `, button);
  }

  /** Adds a line about something that happened. */
  event(text) {
    this.put(el("li", { className: "event", textContent: text }));
    this.last = null;
  }

  state(row, text, title = "") {
    const node = row.querySelector(".state");
    node.textContent = text;
    node.title = title;
  }

  append({ from, text, at }) {
    const grouped = this.last && this.last.id === from.id && this.last.name === from.name && at - this.last.at < GROUP;
    const row = el("li", { className: grouped ? "message" : "message first" });
    if (!grouped) {
      const when = el("time", { dateTime: new Date(at).toISOString(), textContent: clock.format(at) });
      const avatar = paint(el("span", { className: "avatar", ariaHidden: "true" }), from.name);
      row.append(avatar, el("p", { className: "who" }, el("bdi", {}, from.name), when));
    }
    row.append(el("p", { className: "text", textContent: text }), el("span", { className: "state" }));
    this.last = { id: from.id, name: from.name, at };
    this.put(row);
    return row;
  }

  put(row) {
    const follow = this.atEnd();
    this.list.append(row);
    while (this.list.childElementCount > KEEP) this.list.firstElementChild.remove();
    if (follow) this.toEnd();
    else $("to-end").hidden = false;
  }

  atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.frame;
    this.follow = scrollHeight - scrollTop - clientHeight < 60;
    return this.follow;
  }

  toEnd() {
    this.frame.scrollTop = this.frame.scrollHeight;
    this.follow = true;
    $("to-end").hidden = true;
  }
}
