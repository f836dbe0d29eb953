// Random choices that a seed repeats (mulberry32).

export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed;
  }

  /** From 0 to 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below this. @param {number} end */
  below(end) {
    return Math.floor(this.next() * end);
  }

  /** @template T @param {readonly T[]} of @returns {T} */
  pick(of) {
    return /** @type {T} */ (of[this.below(of.length)]);
  }
}

/**
 * Runs something with many seeds; a failure names its seed. `SEED=n` tries that one alone, `SEEDS=n` so many.
 * @param {number} count @param {(random: Random) => void} run
 */
export function withSeeds(count, run) {
  const only = process.env["SEED"];
  const end = only ? Number(only) + 1 : Number(process.env["SEEDS"] ?? count);
  for (let seed = only ? Number(only) : 0; seed < end; seed++) {
    try {
      run(new Random(seed));
    } catch (error) {
      if (error instanceof Error) error.message = `with SEED=${seed}: ${error.message}`;
      throw error;
    }
  }
}
