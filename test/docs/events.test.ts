// Goal: docs/events.md lists every type of event that can be in the event log, and no other; the types of `umbrad/client`
// are those, with the same fields.
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

test("the client's types are those of the page, with its fields", () => {
  const page = readFileSync(join(root, "docs", "events.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z]+\.[a-z-]+)` \|[^|]*\| ?([^|]*)\|$/gm)];
  const source = readFileSync(join(root, "src", "admin", "client", "events.ts"), "utf8");
  const named = new Map<string, string>();
  for (const [, name = "", type = ""] of source.matchAll(/^(?:export )?type (\w+) = \{([\s\S]*?)\};$/gm))
    named.set(name, type);
  const fieldsOf = (type: string): string[] => {
    const parts = [...type.matchAll(/\b[A-Z]\w+/g)].map(([name]) => named.get(name) ?? "");
    return [type, ...parts].flatMap((text) => [...text.matchAll(/readonly (\w+)\??:/g)].map(([, field = ""]) => field));
  };
  const typed = [...source.matchAll(/^ {2}readonly "([a-z.-]+)": (.*);$/gm)];
  assert.deepEqual(typed.map(([, type]) => type).toSorted(), rows.map(([, type]) => type).toSorted());
  for (const [, type, data = ""] of typed) {
    const [, , told = ""] = rows.find(([, name]) => name === type) ?? [];
    const fields =
      told.trim() === "the same" ? fieldsOf("MessageContent") : [...new Set(told.match(/(?<=`)\w+(?=`)/g))];
    const ofFile = new Set(["name", "size", "sha256", "mime"]);
    const listed = fields.filter((field) => type !== "message.received" || !ofFile.has(field));
    assert.deepEqual(fieldsOf(data).toSorted(), listed.toSorted(), type);
  }
});
