// Backends are values, picked at run time; several work side by side.
import { DeviceError, pickBackend, setDefaultBackend, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { wasm } from '@tenon/cpu-wasm';
import { webgpu } from '@tenon/webgpu/node'; // in a browser: '@tenon/webgpu'

// Factories, best first: the first that works is taken.
const backend = await pickBackend([webgpu, () => wasm({ threads: 2 }), cpuJs]);
setDefaultBackend(backend); // without this line: an error that says what to do
console.log(backend.name, backend.capabilities.dtypes, backend.report);
console.log(backend.capabilities.notes); // which adapter or build runs, what is on or off, and why

const other = cpuJs(); // a second one, with memory of its own
const a = tensor([1, 2, 3], { backend: other });
const b = tensor([10, 20, 30]); // on the default backend

try {
  a.add(b);
} catch (error) {
  console.log(error instanceof DeviceError); // it names both backends
}
const moved = await a.to(backend); // the explicit transfer
console.log(await moved.add(b).toArray());
