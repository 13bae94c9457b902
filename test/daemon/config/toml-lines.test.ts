// Goal: the line that an error names is the line of the key. Method: documents in every style of TOML, made so that each
// key is a word that stands in one line only; the parser says which keys there are, a plain text search says where.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "smol-toml";
import { tomlLines } from "../../../src/daemon/config/toml-lines.ts";

/** What must not be taken for keys. */
const noise = ["", "   ", "# [table] key = 1 'quote \"", "\t# '''"];
/** Values that look like something else, in one line or several; `#` stands for a fresh key. */
const values = [
  "1",
  "-1.5e3",
  "true",
  "1979-05-27T07:32:00Z",
  '"a # b = [c]\\" \\\\"',
  "'C:\\'",
  '""',
  "''",
  '"""\n[table]\nkey = 1 # "" \\"""\n""""',
  "'''\n[x]\n'' y = 2\n'''",
  '"""two at the end"""""',
  "[1, [2, 3], # ]\n  4,\n]",
  '["]", \'[\', "#"]',
  "[\n  'a',\n\n  # c = 1\n  'b'\n]",
  "[]",
  "{}",
  "{ # = 1, #.# = '}', \"#\" = [1, { # = 2 }] }",
  "[{ # = 1 }, { # = '# = 3' }]",
];

const statement = fc.oneof(
  fc.record({ kind: fc.constant("noise" as const), text: fc.constantFrom(...noise) }),
  fc.record({
    kind: fc.constant("pair" as const),
    parts: fc.integer({ min: 1, max: 3 }),
    quote: fc.constantFrom("", '"', "'"),
    value: fc.constantFrom(...values),
    end: fc.constantFrom("", " # end = 1"),
  }),
  fc.record({
    kind: fc.constant("table" as const),
    parts: fc.integer({ min: 1, max: 3 }),
    quote: fc.constantFrom("", '"', "'"),
  }),
  fc.record({ kind: fc.constant("array" as const), repeat: fc.integer({ min: 1, max: 3 }), inside: fc.boolean() }),
);

function documentOf(
  statements: readonly (typeof statement extends fc.Arbitrary<infer S> ? S : never)[],
  lineEnd: string,
): string {
  let last = 0;
  const fresh = (): string => `k${last++}k`;
  const path = (parts: number, quote: string): string =>
    Array.from({ length: parts }, () => `${quote}${fresh()}${quote}`).join(" . ");
  const filled = (value: string): string =>
    value.startsWith("{ #") || value.startsWith("[{ #")
      ? value.replace(/#(?= =|\.|" =)(?! = 3)/g, fresh).replace(/\.#/g, () => `.${fresh()}`)
      : value;
  return statements
    .flatMap((one) => {
      if (one.kind === "noise") return [one.text];
      if (one.kind === "pair") return [`  ${path(one.parts, one.quote)} = ${filled(one.value)}${one.end}`];
      if (one.kind === "table") return [`[ ${path(one.parts, one.quote)} ] # x`];
      const name = fresh();
      return Array.from({ length: one.repeat }, () => [
        `[[${name}]]`,
        `${fresh()} = 1`,
        ...(one.inside ? [`[${name}.${fresh()}]`, `${fresh()} = 2`] : []),
      ]).flat();
    })
    .join(lineEnd);
}

/** Every path of the parsed document whose last part is one of our words. */
function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null || value instanceof Date) return [];
  return Object.entries(value).flatMap(([key, inside]) => [[...path, key], ...pathsOf(inside, [...path, key])]);
}

test("every key that the parser finds is found on its line", () => {
  let keys = 0;
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 12 }), fc.constantFrom("\n", "\r\n"), (statements, lineEnd) => {
      const text = documentOf(statements, lineEnd);
      const lines = text.split("\n");
      const found = tomlLines(text);
      for (const path of pathsOf(parse(text))) {
        const word = path.at(-1) ?? "";
        if (!/^k\d+k$/.test(word)) continue;
        keys += 1;
        const at = lines.findIndex((line) => new RegExp(`\\b${word}\\b`).test(line)) + 1;
        assert.equal(found.lineOf(path), at, `${path.join(".")} in\n${text}`);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(keys > 1_000, `only ${keys} keys were looked for`);
});

test("elements of lists have their own lines, what is not there has that of what it is in, or none", () => {
  const found = tomlLines(
    '[a]\nb = [\n  1,\n  # no\n  [2,\n 3],\n]\n\n[[c]]\nd = 1\n[[c]]\nd = 2\n[c.e]\nf = 1\n["x.y"]\nz = 1\n',
  );
  assert.equal(found.lineOf(["a"]), 1);
  assert.equal(found.lineOf(["a", "b"]), 2);
  assert.equal(found.lineOf(["a", "b", 0]), 3);
  assert.equal(found.lineOf(["a", "b", 1, 1]), 6);
  assert.equal(found.lineOf(["a", "b", 7]), 2);
  assert.equal(found.lineOf(["c", 1, "d"]), 12);
  assert.equal(found.lineOf(["c", 1, "e", "f"]), 14);
  assert.equal(found.lineOf(["x.y", "z"]), 16);
  assert.equal(found.lineOf(["nothing"]), undefined);
});

test("any text at all ends without a throw", () => {
  const piece = fc.constantFrom(
    '"',
    "'",
    '"""',
    "'''",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ",",
    "#",
    "\\",
    "\n",
    "a",
    "a.b",
    " ",
    "1",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      tomlLines(pieces.join("")).lineOf(["a", "b"]);
    }),
    { numRuns: 2_000 },
  );
});
