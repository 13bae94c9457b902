/** Metrics of an engine in a test, without those of the test's own process. */
import { Metrics } from "../../../src/admin/metrics/metrics.ts";
import type { EngineApi } from "../../../src/engine/api.ts";

export function testMetrics(engine: () => EngineApi | undefined, now: () => number = Date.now): Metrics {
  const storage = () => ({ databaseBytes: 1, walBytes: 2, freeBytes: 3 });
  const lines = () => ({ debug: 0, info: 0, warn: 0, error: 0 });
  return new Metrics({ version: "0.0.0-test", now, engine, storage, lines, isProcess: false });
}

/** Lines of the text format as series → value. */
export function seriesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
