// Prints the path of the browser that npm brought, unpacked.
import chromium from "@sparticuz/chromium";

console.log(await chromium.executablePath());
