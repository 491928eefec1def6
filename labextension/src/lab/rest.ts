// What a page asks the Jupyter server by REST; errors are the server's own sentence.

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";

/** The answer of an operation below `jupyter-workflows/api`. */
export async function request<Answer>(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  const url = URLExt.join(settings.baseUrl, "jupyter-workflows/api", path);
  const response = await ServerConnection.makeRequest(url, init, settings);
  const answer = (await response.json()) as Answer & { error?: { message: string } };
  if (!response.ok) throw new Error(answer.error?.message ?? response.statusText);
  return answer;
}
