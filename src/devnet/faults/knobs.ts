/** The names of the fault knobs and how their values are written. Sets and carries out nothing. */
import { filterSubscribeCodec } from "../services/filter-service.ts";
import { lightPushCodec } from "../services/lightpush-service.ts";
import { lightPushV2Codec } from "../services/lightpush-v2-service.ts";
import { metadataCodec } from "../services/metadata-service.ts";
import { storeCodec } from "../services/store-service.ts";
import { DevnetError } from "../state-dir.ts";

/** How a value is written. */
type Kind = "chance" | "range" | "protocols" | "statuses" | "shift" | "switch";

/** Every knob. */
export const knobs = {
  /** A filter push is lost, decided for each subscriber. */
  drop: "chance",
  /** A filter push waits; the order of one subscriber's pushes stays. */
  delay: "range",
  /** A filter push is sent twice. */
  duplicate: "chance",
  /** A filter push waits until the next one has overtaken it, or for a second. */
  reorder: "chance",
  /** A filter push is sent, and its stream broken right after it. */
  "break-push": "chance",
  /** The whole connection is cut instead of a filter push. */
  "cut-on-push": "chance",
  /** A message is carried, but never archived. */
  withhold: "chance",
  /** Every answer to a request waits. */
  "answer-delay": "range",
  /** A request is read, and neither carried out nor answered. */
  mute: "protocols",
  /** A request is answered with this status instead of being carried out. */
  reject: "statuses",
  /** The stream is closed as soon as the request was read. */
  "close-after-request": "protocols",
  /** The request is carried out, and the stream closed instead of an answer. */
  "close-before-answer": "protocols",
  /** The request is carried out once and answered twice. */
  "answer-twice": "protocols",
  /** The whole connection is cut by a request. */
  "cut-on-request": "protocols",
  /** New connections are refused. */
  "refuse-connections": "switch",
  /** This node's clock is ahead (or behind) by so much. */
  "clock-skew": "shift",
} as const satisfies Readonly<Record<string, Kind>>;

/** The name of a knob. */
export type KnobName = keyof typeof knobs;

/** A value, understood. */
export interface KnobValue {
  /** As it was written. */
  readonly text: string;
  /** How likely it strikes, 0 to 1. */
  readonly chance: number;
  /** From and to, in milliseconds; the shift of a clock is both. */
  readonly rangeMs: readonly [number, number];
  /** Requests that it is about, by `requestKey`, with the status to answer (0: none). */
  readonly codecs: ReadonlyMap<string, number>;
}

/** How a request is looked up: by its protocol, and by what it asks for where one protocol asks for several things. */
export function requestKey(codec: string, kind: string | undefined): string {
  return kind === undefined ? codec : `${codec}#${kind}`;
}

/** Protocols as people name them, and single kinds of their requests. Both versions of LightPush are one to a fault. */
const protocols: Readonly<Record<string, readonly string[]>> = {
  filter: [filterSubscribeCodec],
  lightpush: [lightPushCodec, lightPushV2Codec],
  store: [storeCodec],
  metadata: [metadataCodec],
  "filter.subscribe": [requestKey(filterSubscribeCodec, "subscribe")],
  "filter.ping": [requestKey(filterSubscribeCodec, "ping")],
  "store.page": [requestKey(storeCodec, "page")],
  "store.hashes": [requestKey(storeCodec, "hashes")],
};

const unitMs: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** What a timer of Node takes; nobody waits so long. */
const rangeMsMax = 2 ** 31 - 1;

/** Whether there is a knob of this name. */
export function isKnobName(name: string): name is KnobName {
  return Object.hasOwn(knobs, name);
}

/** Throws `devnet/bad-option`, with how it is written, for what is no value of this knob. */
export function parseKnob(name: KnobName, text: string): KnobValue {
  const fault = (expected: string): DevnetError =>
    new DevnetError("devnet/bad-option", `${JSON.stringify(text)} is no value of ${name}: ${expected}, or off`);
  const value = { text, chance: 1, rangeMs: [0, 0] as const, codecs: new Map<string, number>() };
  switch (knobs[name]) {
    case "chance": {
      const chance = text === "on" ? 1 : /^(?:0|1|0?\.\d{1,9}|1\.0+)$/.test(text) ? Number(text) : Number.NaN;
      if (Number.isNaN(chance)) throw fault("a probability like 0.25 or 1");
      return { ...value, chance };
    }
    case "range": {
      const times = text.split("-").map(parseMs);
      const [from, to] = times.length === 1 ? [times[0], times[0]] : times;
      if (from === undefined || to === undefined || times.length > 2 || from > to || to > rangeMsMax) {
        throw fault("a time like 200ms or a range like 50-200ms or 1s-3s");
      }
      return { ...value, rangeMs: [from, to] };
    }
    case "shift": {
      const shift = parseMs(text.replace(/^[+-]/, ""));
      if (shift === undefined) throw fault("a time with a sign, like 90s, -500ms or 2h");
      const signed = text.startsWith("-") ? -shift : shift;
      return { ...value, rangeMs: [signed, signed] };
    }
    case "protocols":
    case "statuses": {
      const codecs = parseProtocols(text, knobs[name] === "statuses");
      const example =
        knobs[name] === "statuses" ? "store:503 or filter:429,lightpush:503" : "store or filter,lightpush";
      if (codecs === undefined) throw fault(`${Object.keys(protocols).join(", ")} or all, like ${example}`);
      return { ...value, codecs };
    }
    case "switch":
      if (text !== "on") throw fault("on");
      return value;
  }
}

function parseMs(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (unitMs[unit] ?? Number.NaN);
}

function parseProtocols(text: string, withStatus: boolean): Map<string, number> | undefined {
  const codecs = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name = "", status] = /^([a-z.]+)(?::(\d{1,4}))?$/.exec(part) ?? [];
    const named =
      name === "all" ? Object.values(protocols).flat() : Object.hasOwn(protocols, name) ? protocols[name] : [];
    if (named === undefined || named.length === 0 || (status !== undefined) !== withStatus) return undefined;
    for (const codec of named) codecs.set(codec, Number(status ?? 0));
  }
  return codecs;
}
