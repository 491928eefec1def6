// Where the page asks for schedules: the Jupyter server's REST operations.

import type { ServerConnection } from "@jupyterlab/services";
import type { SchedulesPlace } from "../components/schedules_model";
import type { ScheduleState } from "../schema";
import { request } from "./rest";

interface ScheduleAnswer {
  schedule: ScheduleState | null;
}

/** The schedules of a server. */
export function schedulesOf(settings: ServerConnection.ISettings): SchedulesPlace {
  const path = (id: string, rest = "") => `schedules/${encodeURIComponent(id)}${rest}`;
  const post = async (id: string, rest: string, body: unknown) => {
    const init = { method: "POST", body: JSON.stringify(body) };
    return (await request<ScheduleAnswer>(settings, path(id, rest), init)).schedule;
  };
  return {
    list: async () => (await request<{ schedules: ScheduleState[] }>(settings, "schedules")).schedules,
    find: async id => (await request<ScheduleAnswer>(settings, path(id))).schedule!,
    act: (id, action) => post(id, `/${action}`, {}),
    setTimes: async (id, times) => (await post(id, "/times", times))!,
  };
}
