declare module "*.ipynb" {
  import type { PartialJSONObject } from "@lumino/coreutils";
  const notebook: PartialJSONObject;
  export default notebook;
}
