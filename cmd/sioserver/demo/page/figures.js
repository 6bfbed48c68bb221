// The live panel of server figures. Its namespace is joined only while the
// panel can be seen, so that the server sends to those who watch.
import { $, el, svg } from "./dom.js";

const SPAN = 60; // seconds in a sparkline
const ENOUGH = 100; // connections from which memory for each says something
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** Shows a number with its unit in small. */
function figure(id, value, unit = "") {
  const node = $(id);
  node.replaceChildren(value);
  if (unit) node.append(el("small", { textContent: ` ${unit}` }));
}

function scaled(n) {
  if (n < 1024) return [whole.format(n), "B"];
  if (n < 1024 ** 2) return [tenth.format(n / 1024), "KB"];
  return [tenth.format(n / 1024 ** 2), "MB"];
}

function uptime(id, seconds) {
  if (seconds < 60) return figure(id, whole.format(Math.floor(seconds)), "s");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return figure(id, `${minutes} min`, `${Math.floor(seconds % 60)} s`);
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return figure(id, `${hours} h`, `${minutes % 60} min`);
  return figure(id, `${Math.floor(hours / 24)} d`, `${hours % 24} h`);
}

class Spark {
  constructor(id) {
    this.values = [];
    this.area = svg("polygon", {});
    this.line = svg("polyline", {});
    $(id).append(this.area, this.line);
  }

  push(value) {
    this.values = [...this.values, value].slice(-SPAN);
    const top = Math.max(1, ...this.values);
    const start = SPAN - this.values.length;
    const points = this.values.map((v, i) => `${((start + i) * 120) / (SPAN - 1)},${(27 - (v / top) * 25).toFixed(1)}`);
    this.line.setAttribute("points", points.join(" "));
    this.area.setAttribute("points", `${(start * 120) / (SPAN - 1)},28 ${points.join(" ")} 120,28`);
  }
}

/** Connects the panel to its namespace. */
export function watchFigures(manager) {
  const panel = $("figures");
  const socket = manager.socket("/figures");
  const messages = new Spark("spark-messages");
  const connections = new Spark("spark-connections");

  function live(on, text) {
    panel.dataset.live = on ? "on" : "off";
    $("figures-state").textContent = text;
  }

  socket.on("connect", () => live(true, "live"));
  socket.on("disconnect", () => live(false, "paused"));
  socket.on("figures", (now) => {
    const total = now.received + now.sent;
    figure("f-messages", total < 10 ? tenth.format(total) : whole.format(total));
    $("f-traffic").textContent = `${tenth.format(now.received)} in, ${tenth.format(now.sent)} out`;
    figure("f-connections", whole.format(now.connections));
    const each = (now.resident - now.atStart) / now.connections;
    figure("f-memory", ...(now.connections < ENOUGH ? ["–", `from ${ENOUGH} on`] : scaled(Math.max(0, each))));
    figure("f-resident", ...scaled(now.resident));
    $("f-at-start").textContent = ` (${scaled(now.atStart).join(" ")})`;
    uptime("f-uptime", now.uptime);
    figure("f-goroutines", whole.format(now.goroutines));
    messages.push(total);
    connections.push(now.connections);
  });

  let inView = false;
  const follow = () => {
    const watch = inView && !document.hidden;
    if (watch && !socket.active) socket.connect();
    if (!watch && socket.active) socket.disconnect();
  };
  new IntersectionObserver((entries) => {
    inView = entries.at(-1).isIntersecting;
    follow();
  }).observe(panel);
  document.addEventListener("visibilitychange", follow);
}
