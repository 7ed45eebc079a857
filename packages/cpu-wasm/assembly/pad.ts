// Constant padding: rows are copied, all between them is filled in as few runs as possible.
import { address, copyWords, fillWith, word } from './words';

/**
 * Words: x, out, rank (>= 2), value (2 words), outSizes[rank], inSizes[rank], low[rank].
 * Units: rows of out (all axes but the last).
 */
// @ts-ignore: decorator
@inline
function pad<T extends number>(args: usize, begin: i32, end: i32): void {
  const x = address(args, 0);
  const out = address(args, 1);
  const rank = word(args, 2);
  const value = load<T>(args, 12);
  const sizes = args + 20;
  const inSizes = sizes + (<usize>rank << 2);
  const lows = inSizes + (<usize>rank << 2);
  const inner = rank - 1;
  const size = word(sizes, inner);
  const inSize = word(inSizes, inner);
  const low = word(lows, inner);
  const skipped = max(0, -low);
  const before = max(0, low);
  // What lies inside may be nothing: then each row is one fill.
  const copied = max(0, min(inSize - skipped, size - before));
  const head = <usize>min(before, size) * sizeof<T>();
  const middle = <usize>copied * sizeof<T>();
  const row = <usize>size * sizeof<T>();
  const rows = word(sizes, inner - 1);
  const inRows = word(inSizes, inner - 1);
  const lowRows = word(lows, inner - 1);
  for (let unit = begin; unit < end; ) {
    // Rows of one [rows, size] plane are done together.
    let plane = unit / rows;
    let at = unit - plane * rows;
    const stop = min(rows, at + end - unit);
    let isInside = copied > 0;
    let inPlane: usize = 0;
    let stride: usize = 1;
    for (let axis = inner - 2; axis >= 0; axis--) {
      const outSize = word(sizes, axis);
      const next = plane / outSize;
      const place = plane - next * outSize - word(lows, axis);
      plane = next;
      if (place < 0 || place >= word(inSizes, axis)) isInside = false;
      inPlane += <usize>place * stride;
      stride *= address(inSizes, axis);
    }
    let to = out + <usize>unit * row;
    unit += stop - at;
    const firstInside = isInside ? min(stop, max(at, lowRows)) : stop;
    const lastInside = isInside ? max(firstInside, min(stop, lowRows + inRows)) : stop;
    fillWith<T>(to, <usize>(firstInside - at) * row, value);
    to += <usize>(firstInside - at) * row;
    let from = inPlane * <usize>inRows + <usize>(firstInside - lowRows);
    from = x + (from * <usize>inSize + <usize>skipped) * sizeof<T>();
    for (at = firstInside; at < lastInside; at++, to += row) {
      fillWith<T>(to, head, value);
      copyWords(to + head, from, middle);
      fillWith<T>(to + head + middle, row - head - middle, value);
      from += <usize>inSize * sizeof<T>();
    }
    fillWith<T>(to, <usize>(stop - lastInside) * row, value);
  }
}

export function pad32(args: usize, begin: i32, end: i32, scratch: usize): void {
  pad<i32>(args, begin, end);
}
export function pad64(args: usize, begin: i32, end: i32, scratch: usize): void {
  pad<i64>(args, begin, end);
}
