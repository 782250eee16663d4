// node site.mjs BROWSER FOLDER PAGE...: what a reader of the site meets, opened from disk, as JSON.
import {pathToFileURL} from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, folder, ...pages] = process.argv.slice(2);
const browser = await puppeteer.launch({executablePath, headless: "shell", args: ["--no-sandbox"]});
const page = await browser.newPage();
const told = {faults: [], broken: [], wide: [], schemes: []};
page.on("console", (message) => told.faults.push(message.text()));
page.on("pageerror", (error) => told.faults.push(error.message));
page.on("request", (request) => {
  if (!/^(file|data|blob):/.test(request.url())) told.faults.push(request.url());
});
const open = (name) => page.goto(pathToFileURL(`${folder}/${name}.html`).href);
for (const name of pages) {
  await page.setViewport({width: 1280, height: 900});
  await open(name);
  told.broken.push(...await page.$$eval("img", (all) => all
    .filter((image) => !image.naturalWidth || !image.alt).map((image) => image.src)));
  await page.setViewport({width: 360, height: 740});
  if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) told.wide.push(name);
}
for (const value of ["dark", "light"]) {
  await page.emulateMediaFeatures([{name: "prefers-color-scheme", value}]);
  await open("index");
  told.schemes.push(await page.$eval("body", (body) => body.dataset.mdColorScheme));
}
await page.setViewport({width: 1280, height: 900});
await page.type(".md-search__input", "cyclegan");
await page.waitForSelector(".md-search-result__item h1");
told.found = await page.$$eval(".md-search-result__item h1", (all) => all.map((row) => row.textContent));
await browser.close();
console.log(JSON.stringify(told));
