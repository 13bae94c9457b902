// Goal: what the documents point at exists. Method: every relative link, every path of a source or test file, and every
// identifier named after a file (`engine/turn.ts` `runTurn`) is looked up.
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..", "..");
const pages = ["*.md", "docs/*.md", "docs/adr/*.md"].flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
/** A page that shows code of a folder that does not exist, and the machine-made ones. */
const invented = /bulletin-v1|^x\.ts$/;

for (const page of pages) {
  describe(page, () => {
    const text = readFileSync(join(root, page), "utf8").replace(/^```ts[\s\S]*?^```/gm, "");

    it("links to what exists", () => {
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)?(?:#([^)]+))?\)/g)];
      const broken = links.filter(([, path]) => path !== undefined && !existsSync(join(root, dirname(page), path)));
      assert.deepEqual(
        broken.map(([link]) => link),
        [],
      );
    });

    it("links to headings that exist", () => {
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]*\.md)?#([^)]+)\)/g)];
      const broken = links.filter(([, path, heading = ""]) => {
        const target = path === undefined ? text : readFileSync(join(root, dirname(page), path), "utf8");
        return !headingsOf(target).includes(heading);
      });
      assert.deepEqual(
        broken.map(([link]) => link),
        [],
      );
    });

    it("names files and identifiers that exist", () => {
      const named = [...text.matchAll(/`([A-Za-z0-9_./-]+\.(?:ts|json|toml|proto))`(?: `(\w+)`)?/g)];
      const missing = named.flatMap(([whole, path = "", identifier]) => {
        if (invented.test(path) || !path.includes("/")) return [];
        const file = [path, join("src", path), join(dirname(page), path)].find((one) => existsSync(join(root, one)));
        if (file === undefined) return [whole];
        if (identifier === undefined) return [];
        const isThere = new RegExp(`\\b${identifier}\\b`).test(readFileSync(join(root, file), "utf8"));
        return isThere ? [] : [`${whole}: no such name in ${file}`];
      });
      assert.deepEqual(missing, []);
    });

    it("names folders that exist", () => {
      const folders = [...text.matchAll(/`((?:src|test|docs|proto|scripts)\/[a-z0-9/_-]*[a-z0-9])\/?`/g)];
      const missing = folders.map(([, path = ""]) => path).filter((path) => !existsSync(join(root, path)));
      assert.deepEqual(
        missing.filter((path) => !invented.test(path)),
        [],
      );
    });
  });
}

/** The names under which a heading is linked to. */
function headingsOf(text: string): readonly string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading.toLowerCase());
  return headings.map((heading) => heading.replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"));
}
