import type { RunHead } from "../schema";
import { useAction } from "./hooks";
import { may } from "./rights";
import type { RunHost } from "./run_card";
import { Alert } from "./text_views";

/** Hands over who did what in a run, on its page: as a signed file, or as a report to read. */
export function Audit({ head, host }: { head: RunHead; host: RunHost }) {
  const [doing, act] = useAction();
  const { audit } = host;
  const { run } = head;
  if (!audit || host.openRun || !may(head, "read values")) return null;
  return (
    <div class="jwl-row jwl-audit" role="group" aria-label="Audit trail">
      <button type="button" class="jwl-quiet" disabled={doing.busy} onClick={() => act(() => audit(run, "file"))}>
        Audit file
      </button>
      <button type="button" class="jwl-quiet" disabled={doing.busy} onClick={() => act(() => audit(run, "report"))}>
        Report
      </button>
      <Alert message={doing.error} />
    </div>
  );
}
