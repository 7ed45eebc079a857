/** Layers one after the other. */
import { library, type Tensor, ValueError } from '@tenon/core';
import { hasOwnForward } from '../forward-path.ts';
import { type Layer, Module, type StateField } from '../module.ts';

/**
 * Feeds each layer's output to the next. Names in the state dict are the positions: `0.weight`.
 * Where every layer is one of this package, intermediate results are freed at once.
 *
 * @example
 * import { Linear, ReLU, Sequential } from '@tenon/nn';
 * import { ones } from '@tenon/core';
 * const model = new Sequential([new Linear(4, 8), new ReLU(), new Linear(8, 2)]);
 * const y = model.forward(ones([5, 4])); // [5, 2]
 */
export class Sequential extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly layers: Layer[];

  constructor(layers: Iterable<Layer> = []) {
    super();
    if (typeof layers[Symbol.iterator] !== 'function') {
      throw new ValueError('Sequential: expected one array of layers: new Sequential([a, b])');
    }
    this.layers = [...layers].map(requireLayer);
  }

  /** Number of layers. */
  get length(): number {
    return this.layers.length;
  }

  /** The layer at `index`; negative ones count from the end. */
  at(index: number): Layer {
    const layer = this.layers.at(index);
    if (layer === undefined) {
      throw new ValueError(
        `Sequential: at: expected an index within ${this.layers.length} layers, got ${index}`,
      );
    }
    return layer;
  }

  /** Adds layers at the end. */
  append(...layers: Layer[]): this {
    this.layers.push(...layers.map(requireLayer));
    return this;
  }

  /** Iterates over the layers. */
  [Symbol.iterator](): IterableIterator<Layer> {
    return this.layers.values();
  }

  override forward(x: Tensor): Tensor {
    const run = (): Tensor => this.layers.reduce((value, layer) => layer.forward(value), x);
    return this.layers.every(isLibraryLayer) ? library(run) : run();
  }

  override stateField(field: string): StateField {
    return { name: field === 'layers' ? '' : field };
  }
}

function requireLayer(layer: Layer, index: number): Layer {
  if (layer instanceof Module) return layer;
  throw new ValueError(
    `Sequential: expected layers, got a ${typeof layer} at position ${index} (a function becomes ` +
      'a layer as the forward of a class that extends Module)',
  );
}

/** Code of this package, not a user's subclass or replacement: it keeps no tensor of its own. */
function isLibraryLayer(layer: Layer): boolean {
  if (!Object.hasOwn(layer.constructor, 'isLibraryLayer') || !hasOwnForward(layer)) return false;
  return !(layer instanceof Sequential) || layer.layers.every(isLibraryLayer);
}
