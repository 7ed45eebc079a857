/**
 * A growing byte string with the number formats of the WebAssembly binary format (LEB128, IEEE
 * 754 little endian, counted vectors). Knows nothing of instructions.
 */

const bits = new DataView(new ArrayBuffer(8));

/** Bytes under construction. */
export class Bytes {
  readonly data: number[] = [];

  get length(): number {
    return this.data.length;
  }

  u8(value: number): this {
    this.data.push(value & 0xff);
    return this;
  }

  /** Unsigned LEB128 of up to 32 bits. */
  u32(value: number): this {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.data.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.data.push(rest);
    return this;
  }

  /** Signed LEB128 of a 32-bit integer. */
  i32(value: number): this {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.data.push((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.data.push(rest & 0x7f);
    return this;
  }

  /** Signed LEB128 of a 64-bit integer. */
  i64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.data.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.data.push(Number(rest & 0x7fn));
    return this;
  }

  /** Bits of a float32; a NaN keeps no payload (JavaScript's canonical one). */
  f32(value: number): this {
    bits.setFloat32(0, value, true);
    return this.scratch(4);
  }

  f64(value: number): this {
    bits.setFloat64(0, value, true);
    return this.scratch(8);
  }

  /** Four bytes, low first: a word of a v128 constant. */
  word(value: number): this {
    bits.setInt32(0, value, true);
    return this.scratch(4);
  }

  append(bytes: Iterable<number>): this {
    for (const byte of bytes) this.data.push(byte);
    return this;
  }

  /** A counted vector of bytes. */
  sized(bytes: Bytes): this {
    return this.u32(bytes.length).append(bytes.data);
  }

  /** A counted UTF-8 string. */
  text(value: string): this {
    const encoded = new TextEncoder().encode(value);
    return this.u32(encoded.length).append(encoded);
  }

  private scratch(count: number): this {
    for (let i = 0; i < count; i++) this.data.push(bits.getUint8(i));
    return this;
  }
}
