import type { Contents } from "@jupyterlab/services";
import tour from "../../../notebooks/01_review_licences.ipynb";
import { freeName } from "./free_name";

/** Copies the tour into a folder, next to what is there, and gives its path. */
export async function copyTour(contents: Contents.IManager, folder: string): Promise<string> {
  const found = await contents.get(folder);
  const taken = new Set((found.content as Contents.IModel[]).map(({ name }) => name));
  const path = [folder, freeName(taken)].filter(Boolean).join("/");
  await contents.save(path, { type: "notebook", format: "json", content: tour });
  return path;
}
