/**
 * Strict, total protobuf decoding by a table of fields (profile 8.1): `scan(bytes, fieldTable({...}))` gives typed
 * values or says why not. protobufjs decoding is lenient where the profile says BadlyFormed, so strangers' bytes come
 * through here only; gen/ encodes, and decodes what we stored. All bytes are copies. Names are free, numbers the proto's.
 */
import { badlyFormed, type Decoded, readable } from "./decoded.ts";
import { copyAt, DELIMITED, textAt, VARINT, WireCursor } from "./protobuf/wire-cursor.ts";

/** One field of a message. Absent scalars read as their default (0, false, "", no bytes); see `optional`. */
export interface FieldRule {
  readonly number: number;
  /** `uint53` refuses a uint64 above 2^53 − 1; `uint64` reads it as 2^53 − 1. */
  readonly kind: "uint32" | "uint53" | "uint64" | "bool" | "string" | "bytes" | "message";
  /** Of a message: its fields. */
  readonly fields?: FieldTable;
  /** Makes it a list of at most so many. */
  readonly repeated?: number;
  /** Fields with the same name exclude each other; absent ones are undefined. */
  readonly oneof?: string;
  /** Absent is undefined instead of the default. Messages always are. */
  readonly optional?: true;
  /** Absent is badly formed. */
  readonly required?: true;
  /** Exact length in bytes; without `optional` or `oneof` the field is then required. */
  readonly size?: number;
  /** Greatest length in bytes, checked before anything is allocated. */
  readonly maxBytes?: number;
}

/** What `fieldTable` makes of the rules. */
export interface FieldTable<Rules extends FieldRules = FieldRules> {
  readonly rules: Rules;
  readonly byNumber: ReadonlyMap<number, readonly [name: string, rule: FieldRule]>;
}

type FieldRules = Readonly<Record<string, FieldRule>>;

interface ScalarOf {
  uint32: number;
  uint53: number;
  uint64: number;
  bool: boolean;
  string: string;
  bytes: Uint8Array;
}

type OneValue<Rule extends FieldRule> = Rule extends { kind: "message"; fields: FieldTable<infer Nested> }
  ? FieldValues<Nested>
  : Rule["kind"] extends keyof ScalarOf
    ? ScalarOf[Rule["kind"]]
    : never;

type FieldValue<Rule extends FieldRule> = Rule extends { repeated: number }
  ? OneValue<Rule>[]
  : Rule extends { required: true }
    ? OneValue<Rule>
    : Rule extends { kind: "message" } | { optional: true } | { oneof: string }
      ? OneValue<Rule> | undefined
      : OneValue<Rule>;

/** The values that a table of fields reads. */
export type FieldValues<Rules extends FieldRules> = { readonly [Name in keyof Rules]: FieldValue<Rules[Name]> };

/** Prepares a table once, at module load. */
export function fieldTable<const Rules extends FieldRules>(rules: Rules): FieldTable<Rules> {
  return { rules, byNumber: new Map(Object.entries(rules).map(([name, rule]) => [rule.number, [name, rule]])) };
}

/** Reads one message; `badly-formed` with a short constant reason otherwise, never `unsupported`. */
export function scan<Rules extends FieldRules>(
  bytes: Uint8Array,
  table: FieldTable<Rules>,
): Decoded<FieldValues<Rules>> {
  const found = scanMessage(bytes, 0, bytes.length, table);
  return typeof found === "string" ? badlyFormed(found) : readable(found as FieldValues<Rules>);
}

type Values = Record<string, unknown>;

/** The values, or the reason of the refusal. */
function scanMessage(bytes: Uint8Array, start: number, end: number, table: FieldTable): Values | string {
  const cursor = new WireCursor(bytes, start, end);
  const values: Values = {};
  const members = new Set<string>();
  while (!cursor.done) {
    if (!cursor.readTag()) return "tag";
    const known = table.byNumber.get(cursor.field);
    if (known === undefined) {
      if (!cursor.skip()) return "truncated";
      continue;
    }
    const refusal = takeField(cursor, values, members, known);
    if (refusal !== undefined) return refusal;
  }
  return completed(values, table);
}

/** Reads the value after a known tag into `values`. Returns why not. */
function takeField(
  cursor: WireCursor,
  values: Values,
  members: Set<string>,
  [name, rule]: readonly [string, FieldRule],
): string | undefined {
  if (cursor.wireType !== wireTypeOf(rule)) return "wire type";
  const before = values[name];
  if (rule.repeated !== undefined) {
    if (Array.isArray(before) && before.length >= rule.repeated) return "too many";
  } else if (before !== undefined) return "field repeated";
  if (rule.oneof !== undefined) {
    if (members.has(rule.oneof)) return "oneof repeated";
    members.add(rule.oneof);
  }
  const read = cursor.wireType === VARINT ? readNumber(cursor, rule) : readBytes(cursor, rule);
  if ("refused" in read) return read.refused;
  if (rule.repeated === undefined) values[name] = read.value;
  else if (Array.isArray(before)) before.push(read.value);
  else values[name] = [read.value];
  return undefined;
}

type Read = { readonly value: unknown } | { readonly refused: string };

function wireTypeOf(rule: FieldRule): number {
  switch (rule.kind) {
    case "uint32":
    case "uint53":
    case "uint64":
    case "bool":
      return VARINT;
    default:
      return DELIMITED;
  }
}

function readNumber(cursor: WireCursor, { kind }: FieldRule): Read {
  if (!cursor.readVarint()) return { refused: "truncated" };
  const { value } = cursor;
  if (kind === "bool") return { value: value !== 0 };
  if (kind === "uint32") return value > 0xffffffff ? { refused: "uint32 range" } : { value };
  if (value <= Number.MAX_SAFE_INTEGER) return { value };
  return kind === "uint64" ? { value: Number.MAX_SAFE_INTEGER } : { refused: "uint64 range" };
}

function readBytes(cursor: WireCursor, rule: FieldRule): Read {
  if (!cursor.readLength()) return { refused: "truncated" };
  const start = cursor.offset;
  const end = start + cursor.value;
  cursor.offset = end;
  if (rule.size !== undefined && cursor.value !== rule.size) return { refused: "size" };
  if (rule.maxBytes !== undefined && cursor.value > rule.maxBytes) return { refused: "too long" };
  if (rule.kind === "bytes") return { value: copyAt(cursor.bytes, start, end) };
  if (rule.kind === "string") {
    const text = textAt(cursor.bytes, start, end);
    return text === undefined ? { refused: "utf-8" } : { value: text };
  }
  const nested = scanMessage(cursor.bytes, start, end, rule.fields ?? nothingKnown);
  return typeof nested === "string" ? { refused: nested } : { value: nested };
}

const nothingKnown: FieldTable = fieldTable({});

/** Absent fields: default, undefined or refusal. */
function completed(values: Values, table: FieldTable): Values | string {
  for (const [name, rule] of table.byNumber.values()) {
    if (values[name] !== undefined) continue;
    const mayMiss = rule.optional === true || rule.oneof !== undefined;
    if (rule.required === true || (rule.size !== undefined && !mayMiss)) return "missing field";
    values[name] = rule.repeated !== undefined ? [] : mayMiss ? undefined : defaultOf(rule);
  }
  return values;
}

function defaultOf({ kind }: FieldRule): unknown {
  switch (kind) {
    case "string":
      return "";
    case "bytes":
      return new Uint8Array(0);
    case "bool":
      return false;
    case "message":
      return undefined;
    default:
      return 0;
  }
}
