// The name of the person at this browser, kept between visits.
import { $, paint, problem } from "./dom.js";

const KEY = "sioserver.name";
const MOODS = ["Calm", "Bright", "Quiet", "Brave", "Early", "Swift", "Merry", "Clear"];
const ANIMALS = ["Otter", "Heron", "Gopher", "Lynx", "Wren", "Badger", "Marten", "Finch"];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage may be switched off
  }
}

function store(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // the name then lives as long as the page
  }
}

/** Current name; rename(name) must ask the server and give the name accepted or throw. */
export class Profile {
  constructor(rename) {
    this.name = stored() ?? `${pick(MOODS)} ${pick(ANIMALS)}`;
    this.rename = rename;
    store(this.name);
    this.show();
    $("me").addEventListener("submit", (event) => {
      event.preventDefault();
      $("my-name").blur();
    });
    $("my-name").addEventListener("change", () => this.change($("my-name").value));
    $("my-name").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.show();
    });
  }

  async change(name) {
    try {
      this.set(await this.rename(name));
      problem($("name-problem"));
    } catch (error) {
      problem($("name-problem"), error.message);
      this.show();
    }
  }

  /** Takes over the name as the server has cleaned it up. */
  set(name) {
    this.name = name;
    store(name);
    this.show();
  }

  show() {
    $("my-name").value = this.name;
    paint($("my-avatar"), this.name);
  }
}
