// For `node --import`: what vitest's reporters use and Node 20, which it does not support, lacks.
// Plain JavaScript, since Node 20 runs no TypeScript.
Map.groupBy ??= (items, keyOf) => {
  const groups = new Map();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};
