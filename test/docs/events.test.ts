// Goal: docs/events.md lists every type of event that can be in the event log, and no other.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..");

function typesInSources(): Set<string> {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /^(engine|conversation|sqlite|admin)\/.*\.ts$/.test(name),
  );
  const texts = files.map((name) => readFileSync(join(root, "src", name), "utf8"));
  const declared = texts.flatMap((text) => [...text.matchAll(/\btype: ((?:"[a-z]+\.[a-z-]+"(?: \| )?)+)/g)]);
  return new Set(declared.flatMap(([, union = ""]) => [...union.matchAll(/"([^"]+)"/g)].map(([, type = ""]) => type)));
}

test("every type of event is on the page, once, and no other", () => {
  const page = readFileSync(join(root, "docs", "events.md"), "utf8");
  const listed = [...page.matchAll(/^\| `([a-z]+\.[a-z-]+)` \|/gm)].map(([, type = ""]) => type);
  assert.deepEqual(listed.toSorted(), [...typesInSources()].toSorted());
});
