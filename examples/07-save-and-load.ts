// Saving and loading: safetensors files with PyTorch's names and layouts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Linear, load, randn, readSafetensors, Sequential, save, setSeed, Tanh } from 'tenon';

const build = (): Sequential => new Sequential([new Linear(4, 8), new Tanh(), new Linear(8, 2)]);
const folder = await mkdtemp(join(tmpdir(), 'tenon-example-'));
const path = join(folder, 'model.safetensors');

setSeed(1);
const model = build();
await save(model, path); // atomic: an older file stays whole until the new one is on disk

const copy = build(); // other random weights …
await load(copy, path); // … until the saved ones replace them
const x = randn([3, 4]);
const equal = model.forward(x).equal(copy.forward(x)).all();
console.log('equal outputs:', (await equal.item()) === 1);

const state = await readSafetensors(path); // the tensors alone, as PyTorch would name them
for (const [name, { dtype, shape }] of state) console.log(name, dtype, shape);
copy.loadStateDict(state);
await rm(folder, { recursive: true });
