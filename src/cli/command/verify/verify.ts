/** `umbrad contact verify`: the safety number, and that it was compared. */
import type { SafetyNumberJson } from "../../../admin/views.ts";
import { UmbradError } from "../../../engine/errors.ts";
import { fieldLines } from "../../output.ts";
import type { Session } from "../../session.ts";

export interface VerifyOptions {
  readonly compare?: string;
  readonly qr?: boolean;
  readonly undo?: boolean;
}

export async function verify(session: Session, contact: string, options: VerifyOptions): Promise<void> {
  const { output } = session;
  if (options.compare !== undefined && options.undo === true) throw usage("--compare and --undo exclude each other");
  const answer = await ask(session, `/v1/contacts/${encodeURIComponent(contact)}`, options);
  output.answer(answer, safetyText(answer));
  if (options.qr === true && !output.json) {
    const { qrNote } = await import("../../qr.ts");
    output.note(qrNote(answer.safetyNumber, process.stderr.columns));
  }
  if (!answer.verified && options.undo !== true) {
    output.note(
      "Both of you see the same number when nobody stands between you. Compare it by another way, then:\n" +
        "umbrad contact verify CONTACT --compare NUMBER   with the number that the other side reads out",
    );
  }
}

async function ask({ admin }: Session, path: string, options: VerifyOptions): Promise<SafetyNumberJson> {
  const { compare, undo = false } = options;
  if (undo) return (await admin()).post<SafetyNumberJson>(`${path}/unverify`);
  if (compare === undefined) return (await admin()).get<SafetyNumberJson>(`${path}/safety-number`);
  return (await admin()).post<SafetyNumberJson>(`${path}/verify`, { safetyNumber: digitsIn(compare) });
}

/** People write it in groups. */
function digitsIn(text: string): string {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (/^\d{60}$/.test(digits)) return digits;
  throw usage("a safety number has 60 digits");
}

function usage(what: string): UmbradError {
  return new UmbradError("cli/usage", what, { hint: "umbrad contact verify CONTACT --compare '12345 67890 …'" });
}

/** Four groups of five digits a line, as they are read out. */
function safetyText({ address, name, safetyNumber, verified }: SafetyNumberJson): string {
  const groups = safetyNumber.match(/\d{5}/g) ?? [];
  const lines = [0, 4, 8].map((from) => groups.slice(from, from + 4).join(" "));
  const fields: [string, string][] = [
    ["contact", name ?? "-"],
    ["address", address],
    ["verified", verified ? "yes" : "no"],
    ...lines.map((line, at): [string, string] => [at === 0 ? "number" : "", line]),
  ];
  return fieldLines(fields);
}
