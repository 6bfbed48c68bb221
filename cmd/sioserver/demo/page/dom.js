// Building and finding elements. Text only ever becomes text nodes, so that
// nothing a peer sends is read as markup.

export const $ = (id) => document.getElementById(id);

/** Makes an element; props are DOM properties, children are nodes or text. */
export function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

/** Makes an SVG element with attributes. */
export function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Shows text in a problem line, or hides the line when there is none. */
export function problem(node, text) {
  node.textContent = text ?? "";
  node.hidden = !text;
}

/** Fills an avatar with the initials and the colour of a name. */
export function paint(avatar, name) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""].map((w) => [...w][0] ?? "").join("");
  let hue = 7;
  for (const char of name) hue = (hue * 31 + char.codePointAt(0)) % 360;
  avatar.textContent = initials.toUpperCase();
  avatar.style.setProperty("--hue", hue);
  return avatar;
}
