import type { ISettingRegistry } from "@jupyterlab/settingregistry";
import { Signal } from "@lumino/signaling";

export const SETTINGS = "jupyter-workflows:plugin";

/** The settings, with what holds where nothing is set; see `labextension/schema/plugin.json`. */
export class Settings {
  notifyApprovals = true;
  notifyFailures = true;
  sidebarSide: "left" | "right" = "left";
  sidebarRuns = 100;
  readonly changed = new Signal<this, void>(this);

  /** Takes what is set, now and whenever it changes. */
  async follow(registry: ISettingRegistry): Promise<void> {
    const found = await registry.load(SETTINGS);
    const take = () => {
      for (const key of ["notifyApprovals", "notifyFailures", "sidebarSide", "sidebarRuns"] as const)
        Object.assign(this, { [key]: found.get(key).composite });
      this.changed.emit();
    };
    found.changed.connect(take);
    take();
  }
}
