/**
 * Attention without a matrix of scores (Dao et al., "FlashAttention", 2022): forwards with a
 * running maximum and sum per query, backwards from the log-sum-exp of each query's scores. Each
 * invocation owns queries, or in the gradient of keys and values keys: no atomics, the same bits
 * each time.
 */
import type { ShaderSource } from '../kernel.ts';
import {
  ATTENTION_WORDS,
  addTurn,
  blockOf,
  declareOwn,
  EXP4,
  eachTurn,
  groupOf,
  loadOwn,
  maskBinding,
  maskedFunction,
  type Other,
  ownRows,
  storeOwn,
  type Tiling,
  TURN,
  tileMemory,
  turnDots,
  vectors,
  w,
} from './attention-tile.ts';
import { each, fusedShader } from './fused-shader.ts';

/** Keys for a block of queries: up to the last query where attention is causal. */
function keysOf(tiling: Tiling): Other {
  const last = `min(${w.keys}, block + ${blockOf(tiling)}u)`;
  const end = `select(${w.keys}, ${last}, ${w.causal} != 0u)`;
  return { first: 'k', second: 'v', count: w.keys, begin: '0u', end };
}
/** Four places from `first` on, or four times the same. */
const four = (first: string): string => `${first} + vec4<u32>(0u, 1u, 2u, 3u)`;
const same = (place: string): string => `vec4<u32>(${place})`;
/** Running maximum, its old value's share of the new one, weights, and what they sum. */
function onlineSoftmax(tiling: Tiling): string {
  const { depth, width, rows } = tiling;
  const peaks = each(
    rows,
    (r) => `let s${r} = masked(dots${r}, b, ${same(`own + ${r}u`)}, ${four('j')});
let peak${r} = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));
let next${r} = select(top${r}, peak${r}, peak${r} > top${r});`,
  );
  const falls = each(4, (r) => (r < rows ? `top${r} - next${r}` : '0f'), ', ');
  const sums = each(
    rows,
    (r) => `let p${r} = exp4(s${r} - next${r});
top${r} = next${r};
sum${r} = sum${r} * fades.${'xyzw'[r]} + ((p${r}.x + p${r}.y) + (p${r}.z + p${r}.w));`,
  );
  return `${turnDots(tiling, 'dots', 'q', 'k', depth)}
${peaks}
let fades = exp4(vec4<f32>(${falls}));
${sums}
${addTurn(tiling, 'out', 'v', width, 'p', 'fades')}`;
}

/** Buffers: q, k, v, mask?, out, lse. */
export function attentionShader(tiling: Tiling): ShaderSource {
  const { depth, width, rows } = tiling;
  const other = keysOf(tiling);
  return fusedShader({
    label: 'attention',
    bindings: [
      vectors('q', 'r'),
      vectors('k', 'r'),
      vectors('v', 'r'),
      ...maskBinding(tiling.mask),
      vectors('out', 'w'),
      { name: 'lse', dtype: 'f32', access: 'w' },
    ],
    words: ATTENTION_WORDS,
    workgroup: groupOf(tiling),
    prelude: ['log_', 'inf'],
    declarations: `${tileMemory(tiling, other)}${maskedFunction(tiling)}\n${EXP4}`,
    // The running maximum begins at the least finite number: -∞ - -∞ would be NaN.
    body: `${ownRows(tiling, w.queries)}
${loadOwn(tiling, 'q', depth)}
${declareOwn(tiling, 'out', width)}
${each(rows, (r) => `var top${r} = -0x1.fffffep+127f;\nvar sum${r} = 0f;`)}
${eachTurn(tiling, other, onlineSoftmax(tiling))}
${each(rows, (r) => `let share${r} = select(1f / sum${r}, 0f, sum${r} == 0f);`)}
${storeOwn(tiling, 'out', width, w.queries, 'share')}
${each(
  rows,
  (r) => `if (own + ${r}u < ${w.queries}) {
  lse[row${r}] = select(top${r} + log_(sum${r}), inf(), sum${r} == 0f);
}`,
)}`,
  });
}

/** Per query what both gradients need: lse and Σ g · out. Buffers: g, out, lse, stats. */
export function attentionStatsShader(width: number): ShaderSource {
  return fusedShader({
    label: 'attentionGrad',
    bindings: [
      vectors('g', 'r'),
      vectors('out', 'r'),
      { name: 'lse', dtype: 'f32', access: 'r' },
      { name: 'stats', dtype: 'f32', access: 'w' },
    ],
    words: 1,
    workgroup: 64,
    body: `let id = group * 64u + local;
if (id >= ${w.total}) { return; }
var sum = 0f;
for (var e = id * ${width}u; e < (id + 1u) * ${width}u; e++) { sum += dot(g[e], out[e]); }
stats[2u * id] = lse[id];
stats[2u * id + 1u] = sum;`,
  });
}

/** p: weights, made anew; d: gradients of the scores, of owned row r and the four that pass. */
function weightsOf(r: number, query: string | number, masked: string): string {
  return `let p${r} = exp4(${masked} - lse${query});
let d${r} = p${r} * (slopes${r} - delta${query}) * scale;`;
}
const loadStats = (query: string | number, place: string): string =>
  `let lse${query} = stats[2u * ${place}];\nlet delta${query} = stats[2u * ${place} + 1u];`;

interface GradParts {
  readonly tiling: Tiling;
  readonly other: Other;
  /** What is owned: loaded into registers, and the gradients made, with their lengths. */
  readonly own: readonly (readonly [name: string, length: number])[];
  readonly made: readonly (readonly [name: string, length: number])[];
  readonly count: string;
  readonly before: string;
  readonly turn: string;
}

function gradShader({ tiling, other, own, made, count, before, turn }: GradParts): ShaderSource {
  return fusedShader({
    label: 'attentionGrad',
    bindings: [
      ...['g', 'q', 'k', 'v'].map((name) => vectors(name, 'r')),
      ...maskBinding(tiling.mask),
      { name: 'stats', dtype: 'f32', access: 'r' },
      ...made.map(([name]) => vectors(name, 'w')),
    ],
    words: ATTENTION_WORDS,
    workgroup: groupOf(tiling),
    prelude: ['inf'],
    declarations: `${tileMemory(tiling, other)}${maskedFunction(tiling)}\n${EXP4}`,
    body: `${ownRows(tiling, count)}
let scale = bitcast<f32>(${w.scale});
${own.map(([name, length]) => loadOwn(tiling, name, length)).join('\n')}
${before}
${made.map(([name, length]) => declareOwn(tiling, name, length)).join('\n')}
${eachTurn(tiling, other, turn)}
${made.map(([name, length]) => storeOwn(tiling, name, length, count)).join('\n')}`,
  });
}

/** Buffers: g, q, k, v, mask?, stats, dq. */
export function attentionQueryGradShader(tiling: Tiling): ShaderSource {
  const { depth, width, rows } = tiling;
  const other = keysOf(tiling);
  const weights = each(rows, (r) => {
    const masked = `masked(dots${r}, b, ${same(`own + ${r}u`)}, ${four('j')})`;
    return weightsOf(r, r, masked);
  });
  return gradShader({
    tiling,
    other,
    own: [
      ['q', depth],
      ['g', width],
    ],
    made: [['dq', depth]],
    count: w.queries,
    before: each(rows, (r) => loadStats(r, `row${r}`)),
    turn: `${turnDots(tiling, 'dots', 'q', 'k', depth)}
${turnDots(tiling, 'slopes', 'g', 'v', width)}
${weights}
${addTurn(tiling, 'dq', 'k', depth, 'd')}`,
  });
}

/** Buffers: g, q, k, v, mask?, stats, dk, dv. */
export function attentionKeyGradShader(tiling: Tiling): ShaderSource {
  const { depth, width, rows, tile } = tiling;
  // Queries before the first key see none of these keys where attention is causal.
  const begin = `select(0u, block / ${tile}u * ${tile}u, ${w.causal} != 0u)`;
  const other = { first: 'q', second: 'g', count: w.queries, begin, end: w.queries };
  const turn = (name: string): string => each(TURN, (t) => `${name}_${t}`, ', ');
  const weights = each(rows, (r) => {
    const masked = `masked(dots${r}, b, ${four('j')}, ${same(`own + ${r}u`)})`;
    return weightsOf(r, 's', masked);
  });
  return gradShader({
    tiling,
    other,
    own: [
      ['k', depth],
      ['v', width],
    ],
    made: [
      ['dk', depth],
      ['dv', width],
    ],
    count: w.keys,
    before: '',
    turn: `${each(TURN, (t) => loadStats(`_${t}`, `at${t}`))}
let lses = vec4<f32>(${turn('lse')});
let deltas = vec4<f32>(${turn('delta')});
${turnDots(tiling, 'dots', 'k', 'q', depth)}
${turnDots(tiling, 'slopes', 'v', 'g', width)}
${weights}
${addTurn(tiling, 'dk', 'q', depth, 'd')}
${addTurn(tiling, 'dv', 'g', width, 'p')}`,
  });
}
