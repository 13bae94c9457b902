// The units of config/systemd as sections of directives, read as strictly as systemd does and no more leniently.
import assert from "node:assert/strict";

export type Unit = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Every line is a comment, a section or a directive; anything else fails. */
export function parseUnit(text: string): Unit {
  const unit = new Map<string, Map<string, string[]>>();
  let section: Map<string, string[]> | undefined;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, heading] = /^\[([A-Z][a-z]+)\]$/.exec(line) ?? [];
    if (heading !== undefined) {
      assert.equal(unit.has(heading), false, `[${heading}] twice`);
      section = new Map();
      unit.set(heading, section);
      continue;
    }
    const [, name = "", value = ""] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
    assert.ok(name !== "" && section !== undefined, `no directive of a section: ${line}`);
    assert.equal(value, value.trim(), `spaces around the value: ${line}`);
    section.set(name, [...(section.get(name) ?? []), value]);
  }
  return unit;
}

/** The only value of a directive. */
export function theValue(unit: Unit, section: string, name: string): string {
  const values = unit.get(section)?.get(name) ?? [];
  assert.equal(values.length, 1, `${name}= once in [${section}]`);
  return values[0] ?? "";
}
