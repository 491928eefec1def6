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
