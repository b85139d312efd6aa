/** Work of an ended process: nothing comes of it, ever. */
export const never = <T>() => new Promise<T>(() => undefined);

/** A process life of a node: when it ends, whatever it was doing never comes back. */
export class Life {
  #end!: () => void;
  isOver = false;
  readonly over = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  end(): void {
    this.isOver = true;
    this.#end();
  }

  /** The work's result while the life lasts; afterwards nothing, ever. */
  async while<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOver) return never();
    const result = await work().catch(async (error: unknown) => {
      if (this.isOver) return never<T>();
      throw error;
    });
    return this.isOver ? never() : result;
  }
}
