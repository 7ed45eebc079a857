/** The gradient of avgPool: each window's share is added to its elements, row of windows by row. */
import {
  columns, elements, readWindow, rowsOfPlane, rowStart, step, taps,
} from './pool-window';
import { fillWith, word } from './words';

let table: usize = 0;

/** share[i] = g[i] / divisor[i] */
function shareRow(g: usize, divisor: usize, share: usize): void {
  let x: usize = 0;
  const bytes = <usize>columns << 2;
  if (ASC_FEATURE_SIMD) {
    for (; x + 16 <= bytes; x += 16) {
      v128.store(share + x, f32x4.div(v128.load(g + x), v128.load(divisor + x)));
    }
  }
  for (; x < bytes; x += 4) store<f32>(share + x, load<f32>(g + x) / load<f32>(divisor + x));
}

/** Adds a row of shares to one element of each of its windows. */
function addRow(share: usize, out: usize): void {
  let x: usize = 0;
  const bytes = <usize>columns << 2;
  if (ASC_FEATURE_SIMD && step == 4) {
    for (; x + 16 <= bytes; x += 16) {
      v128.store(out + x, f32x4.add(v128.load(out + x), v128.load(share + x)));
    }
  }
  let p = out + (x >> 2) * step;
  for (; x < bytes; x += 4, p += step) store<f32>(p, load<f32>(p) + load<f32>(share + x));
}

/** Unit: a plane. Words: 0 g, 1 divisor, 2 out, then those of the windows. */
export function avgPoolGrad(args: i32, begin: i32, end: i32, scratch: i32): void {
  table = scratch;
  readWindow(args, 3, table);
  const share = (table + (<usize>taps << 2) + 63) & ~63;
  const perPlane = rowsOfPlane();
  const bytes = <usize>columns << 2;
  const plane = <usize>elements << 2;
  for (let i = <usize>begin; i < <usize>end; i++) {
    const out = <usize>word(args, 2) + i * plane;
    fillWith<i32>(out, plane, 0);
    for (let row = 0; row < perPlane; row++) {
      const from = (i * perPlane + row) * bytes;
      shareRow(<usize>word(args, 0) + from, <usize>word(args, 1) + from, share);
      const to = out + (<usize>rowStart(row) << 2);
      for (let t = 0; t < taps; t++) addRow(share, to + load<u32>(table + (<usize>t << 2)));
    }
  }
}
