// Goal: whatever 64 callers do to the admin API, messages still flow and the daemon is whole afterwards. Method: two real
// daemons on the devnet; 64 connections to one of them ask, read nothing, talk nonsense or stop in the middle, while messages
// come in. `npm run bench -- admin` gives the figures; here only ten times of them is a failure.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdminLoad } from "../support/admin/admin-load.ts";
import { seriesOf } from "../support/engine/test-metrics.ts";
import { MessagePath } from "./stage/message-path.ts";
import { assertNoErrors } from "./stage/party.ts";
import { Stage, until } from "./stage/processes.ts";

/** A machine under load has pauses of its own. */
const FLOOR_MS = 100;

test("64 clients, slow consumers, nonsense and half-open connections: messages flow", async (t) => {
  const stage = new Stage(t);
  const path = await MessagePath.open(stage);
  const { port, token } = await path.tcp();
  const idleMs = median(await path.times(30));
  const load = new AdminLoad(port, token);
  t.after(() => load.stop());
  load.start();
  await until("the load is there", () => (load.counts.answered > 100 && load.counts.nonsense > 8) || undefined);
  const underMs = median(await path.times(30));
  t.diagnostic(`median ${idleMs.toFixed(1)} ms idle, ${underMs.toFixed(1)} ms under load`);
  assert.ok(underMs < 10 * Math.max(idleMs, FLOOR_MS), `${underMs} ms under load, ${idleMs} ms idle`);
  assert.equal(load.counts.refused, 0);

  const series = seriesOf(await metricsOf(path));
  assert.ok((series.get('umbrad_api_clients{transport="tcp"}') ?? 0) > 40);
  assert.ok((series.get("umbrad_store_commit_seconds_count") ?? 0) > 60, "commits are timed");
  assert.ok((series.get('umbrad_waku_publish_total{result="published"}') ?? 0) > 0, "publishing is counted");
  assert.equal(series.get("umbrad_waku_reconnects_total"), 1);
  assert.ok((series.get("umbrad_store_size_bytes") ?? 0) > 4_096);

  await load.stop();
  await until("all callers are gone", async () => {
    const now = seriesOf(await metricsOf(path));
    return now.get('umbrad_api_clients{transport="tcp"}') === 0 || undefined;
  });
  await path.once();
  assert.deepEqual(await path.alice.receivedTexts(), path.expectedTexts());
  await path.close();
  assertNoErrors(stage);
});

async function metricsOf({ alice }: MessagePath): Promise<string> {
  const chunks: Buffer[] = [];
  await alice.admin.download("/metrics", async (chunk) => {
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
