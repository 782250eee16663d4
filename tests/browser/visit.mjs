// node visit.mjs BROWSER PAGE: what a reader of a report meets, as JSON.
import {pathToFileURL} from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, file] = process.argv.slice(2);
const browser = await puppeteer.launch({executablePath, headless: "shell", args: ["--no-sandbox"]});
const page = await browser.newPage();
const told = {faults: [], requests: []};
page.on("console", (message) => told.faults.push(message.text()));
page.on("pageerror", (error) => told.faults.push(error.message));
page.on("request", (request) => told.requests.push(request.url().slice(0, 99)));
await page.setViewport({width: 1280, height: 900});
await page.goto(pathToFileURL(file).href);

const slider = await page.$(".compare input");
const wiped = () => slider.evaluate((input) => {
  const [, after] = input.parentElement.querySelectorAll("img");
  const bar = input.parentElement.querySelector(".bar").getBoundingClientRect();
  const frame = after.getBoundingClientRect();
  return [input.value, getComputedStyle(after).clipPath,
    (bar.left + bar.width / 2 - frame.left) / frame.width];
});
const names = () => page.$$eval("figure.compare", (all) => all
  .filter((figure) => figure.checkVisibility({contentVisibilityAuto: false}))
  .map((figure) => figure.querySelector("input").ariaLabel.split(": ")[1]));
const seen = async () => [await names(), await page.$eval("[name=count]", (count) => count.value)];
const put = (name, value) => page.$eval(`[name=${name}]`, (control, value) => {
  control.value = value;
  control.dispatchEvent(new Event("input", {bubbles: true}));
}, value);

// The mouse, then the keys.
const {x, y, width, height} = await slider.boundingBox();
await page.mouse.move(x + width / 2, y + height / 2);
await page.mouse.down();
await page.mouse.move(x + width / 4, y + height / 3, {steps: 3});
await page.mouse.up();
told.dragged = await wiped();
await page.keyboard.press("ArrowRight");
told.pressed = await wiped();
await page.keyboard.press("End");
told.ended = await wiped();

// Filters and order.
told.start = await seen();
await page.select("[name=wanted]", "milk");
told.milk = await seen();
await page.select("[name=wanted]", "");
await page.focus("[name=most]");
for (let k = 0; k < 5; k++) await page.keyboard.press("PageDown");
told.low = [...await seen(), await page.$eval("[name=limit]", (limit) => limit.value)];
await page.keyboard.press("End");
await page.type("[name=words]", "NE 1");
told.words = await seen();
await page.keyboard.press("Enter");  // sends nothing
await put("words", "");
await page.select("[name=order]", "best");
told.best = await seen();
await page.select("[name=order]", "name");
told.name = await seen();
await put("split", 10);
told.all = await page.$$eval(".compare input", (all) => all.map((input) => input.value));
told.wiped = await wiped();

// One image large, its neighbour, and back to where it was.
const large = () => page.$eval("dialog", (dialog) => [dialog.open, dialog.ariaLabel,
  dialog.querySelector("img")?.getBoundingClientRect().width]);
told.small = (await (await page.$(".compare img")).boundingBox()).width;
await page.focus(".zoom");
await page.keyboard.press("Enter");
told.large = await large();
told.focus = await page.evaluate(() => document.activeElement.type);
await page.click("dialog [value='1']");
told.next = await large();
await page.keyboard.press("Escape");
told.closed = [(await large())[0], await page.evaluate(() => document.activeElement.ariaLabel)];

// Every stop of the Tab key: it has a name, and one sees where one is.
told.stops = [];
await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
await page.mouse.click(2, 2);
for (let k = 0; k < 60; k++) {
  await page.keyboard.press("Tab");
  const stop = await page.evaluate(() => {
    const here = document.activeElement;
    if (here === document.body) return null;
    const shown = here.matches(".compare input") ? here.parentElement : here;
    return [here.matches(".compare input") ? "slider" : here.name || here.className || here.localName,
      getComputedStyle(shown).outlineStyle !== "none"];
  });
  if (stop === null) break;
  told.stops.push(stop);
}
const named = [];
const walk = (node) => {
  if (!["RootWebArea", "StaticText", "generic"].includes(node.role)) named.push([node.role, node.name]);
  (node.children ?? []).forEach(walk);
};
walk(await page.accessibility.snapshot());
told.named = named;

// Light and dark, wide and narrow.
told.colours = {};
for (const value of ["light", "dark"]) {
  await page.emulateMediaFeatures([{name: "prefers-color-scheme", value}]);
  told.colours[value] = await page.evaluate(() => ["backgroundColor", "color"]
    .map((name) => getComputedStyle(document.body)[name].match(/\d+/g).map(Number)));
}
await page.setViewport({width: 360, height: 740});
told.narrow = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
await browser.close();
console.log(JSON.stringify(told));
