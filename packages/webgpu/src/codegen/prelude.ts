/**
 * WGSL functions that generated shaders may call, by name; `shaderText` adds what they need. The
 * texts and their sources are in `math/`. WGSL is not IEEE 754: NaN and infinity are told by bits.
 */
import { ERF } from './math/erf.ts';
import { EXP } from './math/exp.ts';
import { INTEGER } from './math/integer.ts';
import { LOG } from './math/log.ts';
import { POW } from './math/pow.ts';
import { SPECIAL } from './math/special.ts';
import { SQRT } from './math/sqrt.ts';
import { TANH } from './math/tanh.ts';
import { TRIGONOMETRY } from './math/trigonometry.ts';
import type { PreludeFunction } from './math/wgsl.ts';

export type { PreludeFunction } from './math/wgsl.ts';

export const PRELUDE: Readonly<Record<string, PreludeFunction>> = {
  ...SPECIAL,
  ...INTEGER,
  ...EXP,
  ...LOG,
  ...TANH,
  ...ERF,
  ...SQRT,
  ...TRIGONOMETRY,
  ...POW,
};
