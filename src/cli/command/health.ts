/** `umbrad health`: what works and what does not, with an exit code for scripts and container probes. */
import type { HealthView } from "../../admin/views.ts";
import { UmbradError } from "../../engine/errors.ts";
import { table } from "../output.ts";
import type { Session } from "../session.ts";

type Check = HealthView["checks"][number];

export async function health({ admin, output }: Session, name: string | undefined): Promise<void> {
  const view = await (await admin()).get<HealthView>("/v1/health");
  if (name === undefined) {
    output.answer(view, healthText(view));
    if (view.state !== "ready") throw notReady(`the daemon is ${view.state}`, view.reasons);
    return;
  }
  const check = checkOf(view, name);
  output.answer(check, `${check.name}: ${check.ok ? "ok" : "failing"}, ${check.text}`);
  if (!check.ok) throw notReady(`the check ${name} fails`, [check.text]);
}

function checkOf(view: HealthView, name: string): Check {
  const check = view.checks.find((candidate) => candidate.name === name);
  if (check !== undefined) return check;
  if (view.checks.length === 0) throw notReady(`the daemon is ${view.state}`, view.reasons);
  throw new UmbradError("cli/usage", `there is no check ${JSON.stringify(name)}`, {
    hint: `choose one of: ${view.checks.map((candidate) => candidate.name).join(", ")}`,
  });
}

function healthText({ state, checks }: HealthView): string {
  const rows = checks.map(({ name, ok, text }) => [name, ok ? "ok" : "FAIL", text]);
  return rows.length === 0 ? state : `${state}\n${table(["CHECK", "RESULT", "WHAT"], rows)}`;
}

function notReady(what: string, reasons: readonly string[]): UmbradError {
  return new UmbradError("daemon/not-ready", [what, ...reasons].join(": "), {
    hint: "umbrad wait ready waits for it; umbrad health lists every check",
  });
}
