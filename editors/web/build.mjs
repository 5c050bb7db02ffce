// Makes the bundle, its digest and the licences of what is in it: `npm ci && npm run build`.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = new URL("../../reviewbot/web/static/", import.meta.url);
const result = await build({
  entryPoints: ["editor.mjs"], bundle: true, minify: true, format: "iife", target: "es2021",
  legalComments: "none", write: false, metafile: true, charset: "ascii",
});
const code = result.outputFiles[0].contents;
writeFileSync(new URL("editor.js", out), code);
writeFileSync(new URL("editor.js.sha256", out), createHash("sha256").update(code).digest("hex") + "\n");

const names = new Set(Object.keys(result.metafile.inputs)
  .map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
const licences = [...names].sort().map((name) => {
  const folder = `node_modules/${name}/`;
  const about = JSON.parse(readFileSync(`${folder}package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  const text = file && existsSync(folder + file) ? readFileSync(folder + file, "utf8").trim() : about.license;
  return `${name} ${about.version} (${about.license})\n\n${text}\n`;
});
writeFileSync(new URL("editor.js.licences.txt", out), licences.join("\n" + "-".repeat(72) + "\n\n"));
console.log(`${code.length} bytes, ${names.size} packages`);
