/**
 * How a matrix product is launched: which operand is a, how both are read, the tile, and into how
 * many slices k is cut. Plain numbers, reused by launches; depends on sizes and strides alone, so
 * the same product has the same bits each time.
 */
import type { Variant } from '../device.ts';
import type { LoadMode } from './matmul-text.ts';

/** A shape that one workgroup works on, and which text does it. */
export type Tile =
  | {
      /** register: matmul-register.wgsl.ts; subgroup: the same with broadcasts. */
      readonly family: 'register' | 'subgroup';
      /** Rows and columns of a workgroup; all its invocations, the lanes, have the same rows. */
      readonly rows: number;
      readonly columns: number;
      readonly lanes: number;
    }
  | {
      readonly family: 'workgroup';
      readonly rows: number;
      readonly columns: number;
      /** Rows, and columns, of an invocation. */
      readonly own: number;
    };

/** Sums of an invocation: 16x8, 8x8, 4x4, 1x4. */
const REGISTER_TILES: readonly Tile[] = [
  { family: 'register', rows: 16, columns: 64, lanes: 8 },
  { family: 'register', rows: 8, columns: 64, lanes: 8 },
  { family: 'register', rows: 4, columns: 32, lanes: 8 },
  { family: 'register', rows: 1, columns: 32, lanes: 8 },
];
const WORKGROUP_TILES: readonly Tile[] = [
  { family: 'workgroup', rows: 128, columns: 128, own: 8 },
  { family: 'workgroup', rows: 64, columns: 64, own: 8 },
  { family: 'workgroup', rows: 32, columns: 32, own: 4 },
];
/** Few sums: no barriers, and a's elements come from the registers of other lanes. */
const SUBGROUP_TILE: Tile = { family: 'subgroup', rows: 8, columns: 128, lanes: 32 };

/** Slices of k are multiples of this: of every tile's own depth. */
const DEPTH = 32;
/** A sum of more terms than this loses digits: cut where the workspace allows it. */
const LONG = 4096;
const LEAST_SLICE = 256;
const WORKSPACE_BYTES: number = 2 ** 26;
const MOST_SLICES = 1024;

/** Over SwiftShader, in products of four lanes: a load, storing one sum, a dispatch. */
const LOAD = 12;
const STORE = 60;
const DISPATCH = 25_000;
/** The longest text is worth its compilation from so many products on: 40 ms there. */
const LARGE: number = 2 ** 26;
/** Workgroups that a CPU adapter is taken to run at a time. */
const WORKERS = 8;
/** Workgroups that fill a GPU, and how much of a tile has to be within the matrix. */
const FULL = 96;
const USED = 0.6;

/** Offset and strides of an operand: batches, its outer axis (m or n), k. */
export interface Matrix {
  offset: number;
  s0: number;
  s1: number;
  outer: number;
  inner: number;
}
const emptyMatrix = (): Matrix => ({ offset: 0, s0: 0, s1: 0, outer: 0, inner: 0 });

/** One product: `read` its words; then the fields say how it runs. */
export class MatmulPlan {
  b0 = 1;
  b1 = 1;
  m = 0;
  n = 0;
  k = 0;
  readonly a: Matrix = emptyMatrix();
  readonly b: Matrix = emptyMatrix();
  tile: Tile;
  aMode: LoadMode = 'scalar';
  bMode: LoadMode = 'scalar';
  /** The product is run as (bᵀ·aᵀ)ᵀ; a, b, m and n are exchanged already. */
  isSwapped = false;
  slices = 1;
  depth = 0;
  private readonly variant: Variant;
  private readonly tiles: readonly Tile[];

  /** mostInvocations: of a workgroup. */
  constructor(variant: Variant, mostInvocations: number) {
    this.variant = variant;
    this.tiles = variant === 'register' ? REGISTER_TILES : workgroupTiles(mostInvocations);
    this.tile = this.tiles[0] as Tile;
  }

  get batches(): number {
    return this.b0 * this.b1;
  }

  get tilesM(): number {
    return Math.ceil(this.m / this.tile.rows);
  }

  get tilesN(): number {
    return Math.ceil(this.n / this.tile.columns);
  }

  /** Bytes of the sums of all slices; 0 where k is not cut. */
  get workspace(): number {
    return this.slices === 1 ? 0 : 4 * this.slices * this.batches * this.m * this.n;
  }

  /** args: as in MatmulSpec, up to the epilogue. */
  read(args: Int32Array): void {
    this.b0 = args[0]!;
    this.b1 = args[1]!;
    this.m = args[2]!;
    this.n = args[3]!;
    this.k = args[4]!;
    setMatrix(this.a, args[5]!, args[6]!, args[7]!, args[8]!, args[9]!);
    setMatrix(this.b, args[10]!, args[11]!, args[12]!, args[14]!, args[13]!);
    this.decide();
  }

  private decide(): void {
    this.isSwapped = false;
    if (this.variant === 'register') this.pickRegister();
    else this.pickShared();
    this.depth = Math.max(DEPTH, Math.ceil(this.k / this.slices / DEPTH) * DEPTH);
    this.slices = Math.max(1, Math.ceil(this.k / this.depth));
    const { a, b, tile } = this;
    this.aMode = this.modeOf(a, this.m, false);
    this.bMode = this.modeOf(b, this.n, true);
    // One row is never four; a subgroup broadcasts scalars.
    const isOne = tile.rows < 4 && this.aMode === 'o4';
    if (isOne || tile.family === 'subgroup') this.aMode = 'scalar';
  }

  private swap(): void {
    const { a, b, m } = this;
    this.isSwapped = !this.isSwapped;
    this.m = this.n;
    this.n = m;
    const { offset, s0, s1, outer, inner } = a;
    setMatrix(a, b.offset, b.s0, b.s1, b.outer, b.inner);
    setMatrix(b, offset, s0, s1, outer, inner);
  }

  /** Slices that keep sums short, within the workspace. */
  private slicesOf(wanted: number): number {
    const { k, m, n, batches } = this;
    const most = Math.floor(WORKSPACE_BYTES / (4 * m * n * batches));
    const least = Math.ceil(k / LONG);
    const fair = Math.max(least, Math.min(wanted, Math.floor(k / LEAST_SLICE)));
    return Math.max(1, Math.min(fair, most, MOST_SLICES));
  }

  /** The cheapest of all tiles, both ways round, for a CPU. */
  private pickRegister(): void {
    let least = Infinity;
    let best = this.tile;
    let isSwapped = false;
    let slices = 1;
    const first = this.batches * this.m * this.n * this.k >= LARGE ? 0 : 1;
    for (let turn = 0; turn < 2; turn++) {
      for (let t = first; t < this.tiles.length; t++) {
        this.tile = this.tiles[t]!;
        const groups = this.tilesM * this.tilesN * this.batches;
        const s = this.slicesOf(Math.ceil((2 * WORKERS) / groups));
        const cost = this.registerCost(groups, s);
        if (cost < least) {
          least = cost;
          best = this.tile;
          slices = s;
          isSwapped = this.isSwapped;
        }
      }
      this.swap();
    }
    if (isSwapped) this.swap();
    this.tile = best;
    this.slices = slices;
  }

  private registerCost(groups: number, slices: number): number {
    const { rows, columns } = this.tile;
    const own = columns / 8;
    const inner = (rows * own + (rows + own) * LOAD) * Math.ceil(this.k / slices);
    const rounds = Math.ceil((groups * slices) / WORKERS);
    const combine = slices === 1 ? 0 : DISPATCH + (groups * slices * rows * own * LOAD) / WORKERS;
    return rounds * (inner + rows * own * STORE) + combine;
  }

  /** The largest tile of which there are enough to fill a GPU, and not mostly with edges. */
  private pickShared(): void {
    let groups = 0;
    for (const tile of this.tiles) {
      this.tile = tile;
      groups = this.tilesM * this.tilesN * this.batches;
      const share = (this.m * this.n * this.batches) / (groups * tile.rows * tile.columns);
      if (groups >= FULL && share >= USED) break;
    }
    if (groups < FULL && this.variant === 'subgroup') {
      // The long side lies along the lanes.
      if (this.n < this.m) this.swap();
      this.tile = SUBGROUP_TILE;
      groups = this.tilesM * this.tilesN * this.batches;
    }
    this.slices = this.slicesOf(Math.ceil(FULL / groups));
  }

  /** `isColumns`: neighbours along n are the better four, else those along k. */
  private modeOf(matrix: Matrix, outerSize: number, isColumns: boolean): LoadMode {
    const { offset, s0, s1, outer, inner } = matrix;
    const isAligned =
      offset % 4 === 0 && (this.b0 === 1 || s0 % 4 === 0) && (this.b1 === 1 || s1 % 4 === 0);
    if (!isAligned) return 'scalar';
    const isInner =
      inner === 1 && this.k % 4 === 0 && this.k > 0 && (outerSize === 1 || outer % 4 === 0);
    const isOuter = outer === 1 && outerSize % 4 === 0 && (this.k === 1 || inner % 4 === 0);
    if (isColumns && isOuter) return 'o4';
    if (isInner) return 'k4';
    return isOuter ? 'o4' : 'scalar';
  }
}

function setMatrix(
  matrix: Matrix,
  offset: number,
  s0: number,
  s1: number,
  outer: number,
  inner: number,
): void {
  matrix.offset = offset;
  matrix.s0 = s0;
  matrix.s1 = s1;
  matrix.outer = outer;
  matrix.inner = inner;
}

/** Those of which a workgroup is not too large for the device: 256 invocations, then 64. */
function workgroupTiles(mostInvocations: number): readonly Tile[] {
  return mostInvocations < 256 ? WORKGROUP_TILES.slice(1) : WORKGROUP_TILES;
}
