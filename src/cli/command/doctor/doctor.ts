/** `umbrad doctor`: looks at everything that is known to go wrong, with and without a running daemon. Changes nothing. */
import { exitCodes } from "../../../admin/problem.ts";
import { printable } from "../../output.ts";
import type { Session } from "../../session.ts";
import { examineDaemon } from "./daemon.ts";
import type { Examination } from "./finding.ts";
import { examineDisk, examineFileLimit, examineNode, readFileLimit } from "./machine.ts";
import { examineNetwork } from "./network.ts";
import { examineState, type StateOptions } from "./state.ts";

export async function doctor(session: Session, options: StateOptions): Promise<void> {
  const { output, stateDir } = session;
  const seen: readonly Examination[] = [
    examineNode(process.versions.node),
    examineFileLimit(readFileLimit()),
    examineDisk(stateDir),
    ...(await examineState(session, options)),
    ...(await examineNetwork(session)),
    ...(await examineDaemon(session)),
  ];
  const findings = seen.flatMap(({ finding }) => finding ?? []);
  const checks = seen.map(({ name, text, finding }) => ({ name, ok: finding === undefined, text }));
  const ok = findings.length === 0;
  output.answer({ ok, checks, findings }, seen.map(lineOf).join("\n"));
  output.note(ok ? "Nothing is wrong." : `${findings.length} to mend. What each code means: docs/doctor.md`);
  // Findings are the answer and no error, but a script must be able to ask.
  if (!ok) process.exitCode = exitCodes.refused;
}

function lineOf({ name, text, finding }: Examination): string {
  if (finding === undefined) return `ok    ${name}: ${printable(text)}`;
  const { code, what, why, fix } = finding;
  return [`FAIL  ${code}: ${printable(what)}`, `      why: ${why}`, `      fix: ${printable(fix)}`].join("\n");
}
