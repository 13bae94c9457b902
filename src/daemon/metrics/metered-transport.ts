/** A Transport that tells metrics what it sees pass: results and times of publishing, and connections. Decides nothing. */
import type { Metrics } from "../../admin/metrics/metrics.ts";
import type { Transport } from "../../engine/ports.ts";

export function meteredTransport(inner: Transport, metrics: Metrics): Transport {
  return {
    start: (events) =>
      inner.start({
        ...events,
        onStatus(status) {
          metrics.peers(status.peers);
          events.onStatus(status);
        },
      }),
    async publish(message, signal) {
      const startedMs = performance.now();
      const result = await inner.publish(message, signal);
      metrics.published(result, (performance.now() - startedMs) / 1000);
      return result;
    },
    listen: (topics) => inner.listen(topics),
    history: (query, signal) => inner.history(query, signal),
    confirm: (hashes, signal) => inner.confirm(hashes, signal),
    renew: (node) => inner.renew(node),
    subscribedAt: (topic) => inner.subscribedAt(topic),
    status: () => inner.status(),
    stop: () => inner.stop(),
  };
}
