/** For tests: attention and its gradients by their definitions, in float64. */
import type { AttentionAttrs } from '@tenon/core';

export interface AttentionSample {
  readonly name: string;
  /** batch, heads, queries, keys, depth, width */
  readonly sizes: readonly [number, number, number, number, number, number];
  readonly attrs: AttentionAttrs;
  /** Sizes over [batch, heads, queries, keys], 1 where the mask repeats. */
  readonly maskShape?: readonly [number, number, number, number];
}
export interface AttentionData {
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly g: Float32Array;
  readonly mask: Float32Array | Int32Array | null;
}
export interface AttentionResult {
  readonly out: Float64Array;
  readonly lse: Float64Array;
  readonly dq: Float64Array;
  readonly dk: Float64Array;
  readonly dv: Float64Array;
}

function maskAt({ maskShape }: AttentionSample, place: readonly number[]): number {
  return (maskShape ?? []).reduce((at, size, axis) => {
    return at * size + (size === 1 ? 0 : (place[axis] ?? 0));
  }, 0);
}

export function attentionOracle(sample: AttentionSample, data: AttentionData): AttentionResult {
  const [batch, heads, queries, keys, depth, width] = sample.sizes;
  const { scale, causal, mask } = sample.attrs;
  const { q, k, v, g } = data;
  const rows = batch * heads;
  const result = {
    out: new Float64Array(rows * queries * width),
    lse: new Float64Array(rows * queries),
    dq: new Float64Array(rows * queries * depth),
    dk: new Float64Array(rows * keys * depth),
    dv: new Float64Array(rows * keys * width),
  };
  for (let row = 0; row < rows * queries; row++) {
    const [b, i] = [Math.floor(row / queries), row % queries];
    const scores = Array.from({ length: keys }, (_, j) => {
      let score = 0;
      for (let e = 0; e < depth; e++) score += q[row * depth + e]! * k[(b * keys + j) * depth + e]!;
      const entry = data.mask?.[maskAt(sample, [Math.floor(b / heads), b % heads, i, j])] ?? 0;
      if ((causal && j > i) || (mask === 'bool' && entry === 0)) return -Infinity;
      return score * scale + (mask === 'float' ? entry : 0);
    });
    const top = Math.max(...scores);
    const weights = scores.map((s) => (top === -Infinity ? 0 : Math.exp(s - top)));
    const total = weights.reduce((a, b2) => a + b2, 0);
    result.lse[row] = top === -Infinity ? Infinity : top + Math.log(total);
    const shares = weights.map((weight) => (top === -Infinity ? 0 : weight / total));
    const slopes = shares.map((share, j) => {
      let slope = 0;
      for (let e = 0; e < width; e++) {
        const at = (b * keys + j) * width + e;
        result.out[row * width + e]! += share * v[at]!;
        result.dv[at]! += share * g[row * width + e]!;
        slope += g[row * width + e]! * v[at]!;
      }
      return slope;
    });
    const mean = shares.reduce((sum, share, j) => sum + share * slopes[j]!, 0);
    shares.forEach((share, j) => {
      const d = share * (slopes[j]! - mean) * scale;
      for (let e = 0; e < depth; e++) {
        result.dq[row * depth + e]! += d * k[(b * keys + j) * depth + e]!;
        result.dk[(b * keys + j) * depth + e]! += d * q[row * depth + e]!;
      }
    });
  }
  return result;
}
