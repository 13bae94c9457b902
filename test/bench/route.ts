/**
 * What routing one decoded envelope costs with 1,000 to 100,000 private conversations. The claim: it does not depend on
 * their number. States have the shape of a conversation under way: 16 + 16 hints and 3 marks.
 */
import { randomBytes } from "node:crypto";
import type { AnyConversationType, ExpectedHint } from "../../src/conversation/contract.ts";
import { inboxV1 } from "../../src/conversation/inbox-v1/inbox-v1.ts";
import { privateV1 } from "../../src/conversation/private-v1/private-v1.ts";
import { utf8 } from "../../src/crypto/bytes.ts";
import { x25519Public } from "../../src/crypto/dh.ts";
import { Router } from "../../src/engine/routing/router.ts";
import { type RatchetState, startAsInviter } from "../../src/protocol/double-ratchet/ratchet-state.ts";
import { expectedHints } from "../../src/protocol/double-ratchet/registered-hints.ts";
import { ratchetedIdentifier } from "../../src/protocol/private-identifier/ratcheted-identifier.ts";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../../src/wire/envelope.ts";
import type { Hint } from "../../src/wire/ids.ts";
import { interleave, median, nowMs, printTable, spread } from "./measure.ts";

const SIZES = [1_000, 10_000, 100_000];
const SAMPLES = 8_192;
const PASSES = 4;
const ROUNDS = 21;
const SALT = 7;

interface Case {
  readonly router: Router;
  readonly hits: readonly Envelope[];
  readonly misses: readonly Envelope[];
  /** The hits as the network gives them. */
  readonly payloads: readonly Uint8Array[];
  readonly buildMs: number;
}

export async function benchRoute(): Promise<void> {
  const cases = new Map(SIZES.map((size) => [size, build(size)]));
  const timed = new Map<string, () => number>();
  for (const [size, { router, hits, misses, payloads }] of cases) {
    timed.set(`${size} payloads`, () => timeFromBytes(router, payloads));
    timed.set(`${size} hits`, () => time(router, hits, true));
    timed.set(`${size} misses`, () => time(router, misses, false));
  }
  const results = await interleave(timed, ROUNDS);
  const of = (size: number, kind: string) => (results.get(`${size} ${kind}`) ?? []).slice(3);
  const base = {
    payloads: median(of(1_000, "payloads")),
    hits: median(of(1_000, "hits")),
    misses: median(of(1_000, "misses")),
  };
  printTable(
    [
      "conversations",
      "from bytes ns",
      "ratio",
      "probe ns",
      "ratio",
      "miss ns",
      "ratio",
      "hints",
      "index MB",
      "bytes/hint",
      "built in s",
    ],
    SIZES.map((size) => {
      const { router, buildMs } = cases.get(size) as Case;
      const [hits, misses] = [of(size, "hits"), of(size, "misses")];
      return [
        size,
        spread(of(size, "payloads")),
        (median(of(size, "payloads")) / base.payloads).toFixed(2),
        spread(hits),
        (median(hits) / base.hits).toFixed(2),
        spread(misses),
        (median(misses) / base.misses).toFixed(2),
        router.hints,
        (router.indexBytes / 2 ** 20).toFixed(1),
        (router.indexBytes / router.hints).toFixed(1),
        (buildMs / 1_000).toFixed(2),
      ];
    }),
  );
  console.log(
    "From bytes: decode the envelope and find its conversation. Probe: the look-up alone; beyond the processor's",
  );
  console.log("caches it waits for memory once, which is all that the number of conversations changes.");
  console.log("A miss pays the probe and one hash for the default inbox, as in every daemon.");
}

function build(size: number): Case {
  const model = startAsInviter({
    keys: { sharedSecret: key(), inviterHeaderKey: key(), inviteeNextHeaderKey: key() },
    ratchetSecret: key(),
    peerPrekey: x25519Public(key()),
  }) as RatchetState;
  const states = Array.from(
    { length: size },
    (): RatchetState => ({
      ...model,
      nextReceiveHeaderKey: key(),
      nextSerial: 1,
      receive: { serial: 0, headerKey: key(), chainKey: model.rootKey, next: 3 },
    }),
  );
  const router = new Router();
  const inbox = { ...inboxV1, expectedHints: (): ExpectedHint[] => [{ kind: "static", id: utf8("/inbox/v1/bench") }] };
  router.apply({ conversation: 0, type: inbox, before: undefined, after: {} });
  const type: AnyConversationType = { ...privateV1, expectedHints: (state: RatchetState) => expectedHints(state) };
  const started = nowMs();
  for (const [index, state] of states.entries()) {
    router.apply({ conversation: index + 1, type: type, before: undefined, after: state });
  }
  const buildMs = nowMs() - started;
  const hits = Array.from({ length: SAMPLES }, () => {
    const { receive, nextReceiveHeaderKey } = states[draw(size)] as RatchetState;
    const isCurrent = draw(2) === 0;
    const n = draw(16);
    return envelope(ratchetedIdentifier(isCurrent ? (receive?.headerKey ?? key()) : nextReceiveHeaderKey, n).hint);
  });
  const misses = Array.from({ length: SAMPLES }, () => envelope(key()));
  const payloads = hits.map((hit) =>
    encodeEnvelope({ ...hit, encryptedBytes: { member: "encrypted_bytes", bytes: body() } }),
  );
  return { router, hits, misses, payloads, buildMs };
}

/** CPU time of this thread, so that a busy machine disturbs less. */
function time(router: Router, envelopes: readonly Envelope[], isHit: boolean): number {
  let found = 0;
  const before = process.threadCpuUsage();
  for (let pass = 0; pass < PASSES; pass += 1) {
    for (const each of envelopes) if (router.route(each) !== undefined) found += 1;
  }
  const { user, system } = process.threadCpuUsage(before);
  const count = envelopes.length * PASSES;
  if (found !== (isHit ? count : 0)) throw new Error(`${found} of ${count} envelopes were found`);
  return ((user + system) * 1_000) / count;
}

function timeFromBytes(router: Router, payloads: readonly Uint8Array[]): number {
  const before = process.threadCpuUsage();
  for (const payload of payloads) {
    const decoded = decodeEnvelope(payload);
    if (decoded.kind !== "readable" || router.route(decoded.value) === undefined) throw new Error("not found");
  }
  const { user, system } = process.threadCpuUsage(before);
  return ((user + system) * 1_000) / payloads.length;
}

/** As long as that of a message of a hundred characters. */
function body(): Uint8Array {
  return new Uint8Array(randomBytes(480));
}

function envelope(hint: Uint8Array): Envelope {
  const bytes = new Uint8Array(0);
  return {
    hint: Buffer.from(hint).toString("hex") as Hint,
    salt: SALT,
    encryptedBytes: { member: "encrypted_bytes", bytes },
  };
}

let pool = new Uint8Array(0);
function key(): Uint8Array {
  if (pool.length < 32) pool = new Uint8Array(randomBytes(1 << 20));
  const bytes = pool.slice(0, 32);
  pool = pool.subarray(32);
  return bytes;
}

function draw(below: number): number {
  return Math.floor(Math.random() * below);
}
