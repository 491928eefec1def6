// Binary frames of the Jupyter server's stream: JSON text and buffers in one message.
//
// A frame is the number of parts (uint32, little endian), their lengths in bytes (uint32 each), then the parts: the
// text first, then the buffers, each beginning at a multiple of 8 bytes from the frame's start, so that a column of
// numbers is read where it lies.

const WORD = 4;
const ALIGNMENT = 8;

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

/**
 * The text of a frame and its buffers.
 * @throws {RangeError} It is no frame.
 */
export function unframed(frame: ArrayBuffer): { text: string; buffers: DataView[] } {
  const view = new DataView(frame);
  const count = view.getUint32(0, true);
  let offset = WORD * (1 + count);
  if (count < 1 || offset > frame.byteLength) throw new RangeError(`a frame of ${frame.byteLength} bytes has no parts`);
  const parts: DataView[] = [];
  for (let at = 0; at < count; at++) {
    const length = view.getUint32(WORD * (1 + at), true);
    offset = aligned(offset);
    parts.push(new DataView(frame, offset, length));
    offset += length;
  }
  const [text, ...buffers] = parts;
  return { text: new TextDecoder().decode(text), buffers };
}
