/** `umbrad reload`: the running daemon reads its configuration again. */
import type { ReloadView } from "../../../admin/views.ts";
import type { Session } from "../../session.ts";

export async function reload({ admin, output }: Session): Promise<void> {
  const view = await (await admin()).post<ReloadView>("/v1/reload");
  output.answer(view, reloadText(view));
}

function reloadText({ changed, needRestart }: ReloadView): string {
  const lines = [
    ...(changed.length === 0 ? [] : [`changed: ${changed.join(", ")}`]),
    ...(needRestart.length === 0 ? [] : [`only after a restart: ${needRestart.join(", ")}`]),
  ];
  return lines.length === 0 ? "nothing has changed" : lines.join("\n");
}
