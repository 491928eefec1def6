import type { Run } from "../schema";
import { useAction } from "./hooks";
import type { RunHost } from "./run_card";
import { Alert } from "./text_views";

/** Hands over who did what in a run, on its page: as a signed file, or as a report to read. */
export function Audit({ run, host }: { run: Run; host: RunHost }) {
  const [doing, act] = useAction();
  const { audit } = host;
  if (!audit || host.openRun) return null;
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
