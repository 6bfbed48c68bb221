// Drives the demo page in headless Chromium: node browser.mjs CHROMIUM URL FOLDER.
// Reports each step as a JSON line and leaves screenshots in FOLDER; ends with
// a stack trace when something is not as it should be. After the steps "stop"
// and "start" it waits for a line that says that the server is down, or back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, url, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

async function step(name, run) {
  await run();
  process.stdout.write(JSON.stringify({ step: name }) + "\n");
}

const answers = createInterface({ input: process.stdin });

/** Asks the Go test to stop or start the server and waits until it has. */
async function server(action) {
  const done = once(answers, "line");
  process.stdout.write(JSON.stringify({ step: action }) + "\n");
  await done;
}

const complaints = [];

/** Opens the page as someone of that name. */
async function visit(name, options) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  await context.addInitScript((value) => localStorage.setItem("sioserver.name", value), name);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => complaints.push(`${name}: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && complaints.push(`${name}: ${message.text()}`));
  await page.goto(url);
  await page.locator("#rooms [aria-current]").waitFor({ state: "attached" });
  return page;
}

async function say(page, text) {
  await page.fill("#draft", text);
  await page.press("#draft", "Enter");
  await page.locator(".message:last-child .state", { hasText: "ms" }).waitFor();
}

const said = (page, text) => page.locator(".message .text").filter({ hasText: text }).last().waitFor();
const here = (page, name) => page.locator("#people .name").filter({ hasText: name }).waitFor({ state: "attached" });
const shoot = (page, name) => page.screenshot({ path: `${folder}/${name}.png`, animations: "disabled" });

const desk = { viewport: { width: 1280, height: 800 } };
const ada = await visit("Ada Lovelace", desk);
const grace = await visit("Grace Hopper", { ...desk, colorScheme: "dark" });

await step("the client is the server's own", async () => {
  const source = await ada.evaluate(() => document.querySelector('script[src$="socket.io.js"]').src);
  assert.equal(new URL(source).origin, new URL(url).origin);
});

await step("the upgrade is shown", async () => {
  await ada.locator('#transport[data-state="websocket"]').waitFor();
  assert.equal(await ada.textContent("#transport-from"), "HTTP long-polling");
  assert.match(await ada.textContent("#transport-note"), /upgraded in \d+ ms/);
});

await step("the two see each other", async () => {
  await here(ada, "Grace Hopper");
  await here(grace, "Ada Lovelace");
});

await step("the two talk", async () => {
  await say(ada, "Morning! The server is up and hardly uses any memory.");
  await said(grace, "Morning!");
  await say(grace, "I can see that in the panel on the right.");
  await said(ada, "in the panel");
});

await step("markup and long words stay text", async () => {
  const hostile = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
  await say(ada, hostile);
  await said(grace, hostile);
  await say(grace, `${"A".repeat(480)}`);
  await said(ada, "AAAA");
  for (const page of [ada, grace]) {
    assert.equal(await page.evaluate(() => window.hit), undefined);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  }
});

await step("typing is shown and ends with the message", async () => {
  await grace.locator("#draft").pressSequentially("I think");
  await ada.locator("#typing", { hasText: "Grace Hopper is typing…" }).waitFor();
  await shoot(ada, "light");
  await grace.press("#draft", "Enter");
  await ada.locator("#typing:empty").waitFor({ state: "attached" });
});

await step("the figures are live", async () => {
  await ada.locator('#figures[data-live="on"]').waitFor();
  const before = await ada.textContent("#f-uptime");
  await ada.waitForFunction((was) => document.getElementById("f-uptime").textContent !== was, before);
  assert.equal(await ada.textContent("#f-connections"), "2");
});

await shoot(grace, "dark");
const phone = await visit("Lin", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });

await step("a late comer on a phone sees what was said", async () => {
  await said(phone, "Morning!");
  await shoot(phone, "phone");
  await phone.click("[data-open-sheet=side-sheet]");
  await phone.locator('#figures[data-live="on"]').waitFor();
  await here(phone, "Ada Lovelace");
  await shoot(phone, "phone-side");
  await phone.keyboard.press("Escape");
  await phone.locator('#figures[data-live="off"]').waitFor({ state: "attached" });
});

await step("rooms are apart", async () => {
  await grace.click("#rooms [data-room=gophers]");
  await grace.locator("#room-name", { hasText: "gophers" }).waitFor();
  await grace.locator("#empty").waitFor();
  await ada.locator(".event", { hasText: "Grace Hopper left" }).waitFor();
  await say(grace, "Anyone here?");
  await ada.keyboard.press("Alt+ArrowDown");
  await ada.locator("#room-name", { hasText: "gophers" }).waitFor();
  await said(ada, "Anyone here?");
  assert.equal(await phone.locator(".message .text").filter({ hasText: "Anyone here?" }).count(), 0);
});

await step("a new room comes and goes", async () => {
  await ada.fill("#new-room-name", "Side Room");
  await ada.press("#new-room-name", "Enter");
  await ada.locator("#room-problem", { hasText: "letters, digits" }).waitFor();
  await ada.fill("#new-room-name", "Side-Room");
  await ada.press("#new-room-name", "Enter");
  await grace.locator("#rooms [data-room=side-room]").waitFor();
  await ada.click("#rooms [data-room=lobby]");
  await grace.locator("#rooms [data-room=side-room]").waitFor({ state: "detached" });
});

await step("a name is changed and kept", async () => {
  await ada.fill("#my-name", "  Countess \u202e Lovelace ");
  await ada.press("#my-name", "Enter");
  await phone.locator(".event", { hasText: "Ada Lovelace is now Countess Lovelace" }).waitFor({ state: "attached" });
  // The others may hear of it before the answer is here.
  await ada.waitForFunction(() => localStorage.getItem("sioserver.name") === "Countess Lovelace");
});

await step("someone who leaves is gone", async () => {
  await ada.close();
  await phone.locator(".event", { hasText: "Countess Lovelace left" }).waitFor({ state: "attached" });
});

assert.deepEqual(complaints, []);

await step("a lost connection is told and comes back with what was written meanwhile", async () => {
  await server("stop");
  await grace.locator('#transport[data-state="offline"]').waitFor();
  await grace.locator("#notice", { hasText: /Reconnecting|Trying again/ }).waitFor();
  await grace.fill("#draft", "Written while the server was down.");
  await grace.press("#draft", "Enter");
  await grace.locator(".message.waiting").waitFor();
  await shoot(grace, "offline");
  await server("start");
  await grace.locator('#transport[data-state="websocket"]').waitFor();
  await grace.locator(".message:last-child .state", { hasText: "ms" }).waitFor();
  await grace.locator("#notice").waitFor({ state: "hidden" });
});

await browser.close();
answers.close();
