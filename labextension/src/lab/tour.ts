import type { Contents } from "@jupyterlab/services";
import tour from "../../../notebooks/01_review_licences.ipynb";

const NAME = "workflow-tour";
const MOST = 1_000;

/** A name for the copy that is not taken: `workflow-tour.ipynb`, `workflow-tour-2.ipynb`. */
export function freeName(taken: ReadonlySet<string>): string {
  for (let number = 1; number < MOST; number++) {
    const name = number === 1 ? `${NAME}.ipynb` : `${NAME}-${number}.ipynb`;
    if (!taken.has(name)) return name;
  }
  throw new RangeError(`the folder has ${MOST} tours: remove some`);
}

/** Copies the tour into a folder, next to what is there, and gives its path. */
export async function copyTour(contents: Contents.IManager, folder: string): Promise<string> {
  const found = await contents.get(folder);
  const taken = new Set((found.content as Contents.IModel[]).map(({ name }) => name));
  const path = [folder, freeName(taken)].filter(Boolean).join("/");
  await contents.save(path, { type: "notebook", format: "json", content: tour });
  return path;
}
