/** What an admin host offers its operator, for hosts in tests that nobody operates. */
import type { Operator } from "../../../src/admin/host.ts";
import { createLog } from "../../../src/daemon/log/log.ts";

export function idleOperator(): Operator {
  const log = createLog({ level: "info", format: "json" }, { write() {} });
  return { log, reload: () => ({ changed: [], needRestart: [], files: [] }) };
}
