// Which commands need a right. Who has it not does not see them; the server refuses what they do all the same.

import type { CommandRegistry } from "@lumino/commands";
import { may, type Right } from "../components/rights";
import { COMMANDS } from "./commands";
import type { Session } from "./session";

const NEEDED = new Map<string, Right>([
  [COMMANDS.openWorkflow, "execute workflows"],
  [COMMANDS.runCell, "execute workflows"],
  [COMMANDS.exportWorkflow, "write workflows"],
]);

/** Whether the person at this page may do what a command does. */
export function permitted(session: Session, command: string): boolean {
  const right = NEEDED.get(command);
  return !right || may(session.status.state, right);
}

/** Has toolbars and menus look again whenever the person's rights change. */
export function followRights(session: Session, commands: CommandRegistry): void {
  let known: string | undefined;
  session.status.subscribe(() => {
    const rights = JSON.stringify(session.status.state?.may);
    if (rights === known) return;
    known = rights;
    for (const command of NEEDED.keys()) if (commands.hasCommand(command)) commands.notifyCommandChanged(command);
  });
}
