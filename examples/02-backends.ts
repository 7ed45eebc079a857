// Backends are values, picked at run time; several work side by side.
import { DeviceError, pickBackend, setDefaultBackend, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';

// Factories, best first: the first that works is taken. (cpu-wasm and webgpu join the list here.)
const backend = await pickBackend([cpuJs]);
setDefaultBackend(backend); // without this line: an error that says what to do
console.log(backend.name, backend.capabilities.dtypes, backend.report);

const other = cpuJs(); // a second instance, with memory of its own
const a = tensor([1, 2, 3], { backend: other });
const b = tensor([10, 20, 30]); // on the default backend

try {
  a.add(b);
} catch (error) {
  console.log(error instanceof DeviceError); // it names both backends
}
const moved = await a.to(backend); // the explicit transfer
console.log(await moved.add(b).toArray());
